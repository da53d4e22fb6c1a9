//! The entry of an attribute's description. The macro crate cannot see this crate's features, so both forms have the same name.

/// Leaves a description in the binary.
#[cfg(feature = "catalogue")]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_describe {
    ($($event:tt)*) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Description::Publishes(::core::env!("CARGO_PKG_NAME"), || $crate::__private::$($event)*)
        }
    };
}

/// Leaves nothing.
#[cfg(not(feature = "catalogue"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_describe {
    ($($event:tt)*) => {};
}
