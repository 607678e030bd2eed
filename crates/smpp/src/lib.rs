//! SMPP 3.4 session over a codec library: windows, binds, receipts, concatenation.
//!
//! Sans-I/O: bytes and instants go in, bytes and events come out. It must never open a socket,
//! read a clock or know what a journey is. The session arrives with the carrier work; the crate
//! holds its place so that the boundary exists from the first day.
