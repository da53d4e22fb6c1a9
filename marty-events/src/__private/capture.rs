//! Ids and texts, taken from the arguments before the body may move them.

use std::fmt::Display;

use crate::event::texts::{LONGEST_ERROR, bounded};

/// Types that an id can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an id",
    label = "names a value that has no text (`Display`)",
    note = "name the part of it that identifies, for example \"user.id\"; take an `Option` apart before the method is called"
)]
pub trait EventId {
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> EventId for T {
    fn text(&self) -> String {
        self.to_string()
    }
}

/// The text of an id.
pub fn id<T: EventId + ?Sized>(value: &T) -> String {
    value.text()
}

/// Types that a text of an event can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a text of an event",
    label = "has no text (`Display`)",
    note = "write a text, or an expression whose value has `Display`"
)]
pub trait EventText {
    fn text(&self) -> String;
    fn bounded_text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> EventText for T {
    fn text(&self) -> String {
        self.to_string()
    }
    fn bounded_text(&self) -> String {
        bounded(self, LONGEST_ERROR)
    }
}

/// A text of an event.
pub fn text<T: EventText + ?Sized>(value: &T) -> String {
    value.text()
}

/// Error types that describe a failure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot describe a failure",
    label = "the error type has no `Display`",
    note = "implement `Display` for `{Self}`; or write `error = \"omit\"`, or `error =` with an expression that has `Display`"
)]
pub trait ErrorText {
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> ErrorText for T {
    fn text(&self) -> String {
        bounded(self, LONGEST_ERROR)
    }
}

/// The text of an error. It is cut to a limit, because a caller may decide its length.
pub fn error_text<T: ErrorText + ?Sized>(error: &T) -> String {
    error.text()
}

/// The text of `error` or `error_code`, cut like the error's own text.
pub fn failure_text<T: EventText + ?Sized>(value: &T) -> String {
    value.bounded_text()
}
