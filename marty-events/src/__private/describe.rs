//! The entry of a description. The macro crate leaves it out without its own feature, which Cargo may set for another build of this crate;
//! so both forms have the same name.

/// Leaves a description in the binary: of a type, of its use in an attribute, or of an attribute's own event.
#[cfg(feature = "catalogue")]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_describe {
    (type $($event:tt)*) => { $crate::__private::describe! { @ Defines $($event)* } };
    (use $($event:tt)*) => { $crate::__private::describe! { @ Uses $($event)* } };
    (@ $form:ident $($event:tt)*) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Description::$form(::core::env!("CARGO_PKG_NAME"), || $crate::__private::$($event)*)
        }
    };
    ($($event:tt)*) => { $crate::__private::describe! { @ Publishes $($event)* } };
}

/// Leaves nothing.
#[cfg(not(feature = "catalogue"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_describe {
    ($($event:tt)*) => {};
}
