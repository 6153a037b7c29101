"""Grading: functions that nobody has read are run, and marks come out.

Marks come from the grader's process alone: it asks a function of a submission for
values, in another process, and compares what comes back with what it knows. So
nothing that a submission prints, patches, forges or writes can be a mark; the worst
that it can do to its own marks is to return right values, which is what was asked.

**What is denied.** A submission runs in a process of its own, which can read
Python and its packages but not this package (the solutions are in it), the course's
files or other submissions; which can write only in an empty folder, reach no network,
see and signal no other process, and start no program; whose memory, time, processes
and files are limited; and which is gone, with all that it has started, when its part
is over. `Nursery.protections` says which of these the machine at hand really gives.

**What it is not.** It is no virtual machine. The kernel is shared, and whoever has an
unknown hole in it comes through. A submission still sees the kind of machine that it
runs on, can waste its seconds and its megabytes, and may tell which values it was
asked about, so tests should draw them anew. Where the page of protections says that a
thing is not denied, it is not. Grade as an ordinary user, on a machine or in a
container without other people's secrets, and never as root where that can be avoided.
"""
