"""The book: from hand-written chapters to executed notebooks, and back to the proof.

``tree`` knows where chapters stand and what people call them, ``source`` reads one,
``execute`` runs it, ``outputs`` says what a stored output may hold, ``notebook_file``
is its text on disk, ``build`` writes notebooks and ``check`` holds the pairs together.
"""
