//! Integration tests: one program, so that the library is linked once.

mod docs;
