//! Empty: the methods are in `tests`.
