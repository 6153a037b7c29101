"""The book: from hand-written chapters to executed notebooks, and back to the proof.

``tree`` knows where chapters stand and what people call them, ``source`` reads one,
``execute`` runs it, ``outputs`` says what a stored output may hold, ``notebook_file``
is its text on disk, ``record`` keeps what a run cost, ``build`` writes notebooks,
``check`` holds the pairs together and ``site`` makes web pages of them.
"""
