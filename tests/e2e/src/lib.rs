//! End to end: the real binaries, real sockets, real disks, bad days included.
