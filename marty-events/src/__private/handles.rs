//! The entry of an event that is read: by hand, or by a handler. Both forms have the same name, as in `describe`.

/// Checks that the type can be read, and leaves a description in the binary; for a handler's reader a description alone.
#[cfg(feature = "catalogue")]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_handles {
    ($group:expr, $event:ty) => {
        const _: () = $crate::__private::typed::can_be_handled::<$event>();
        $crate::__private::inventory::submit! {
            $crate::__private::Description::Handles(::core::env!("CARGO_PKG_NAME"), || {
                #[allow(unused_imports)]
                use $crate::__private::WithoutSchema as _;
                let schema = $crate::__private::SchemaOf::<$event>::ask().read();
                $crate::__private::handled::<$event>(::core::option::Option::Some($group), schema.as_ref())
            })
        }
    };
    (@ $reader:expr) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Description::Handles(::core::env!("CARGO_PKG_NAME"), || {
                #[allow(unused_imports)]
                use $crate::__private::handler::WithoutSchema as _;
                $reader.handled($reader.schema().as_ref())
            })
        }
    };
}

/// Checks that the type can be read.
#[cfg(not(feature = "catalogue"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __marty_events_handles {
    ($group:expr, $event:ty) => {
        const _: () = $crate::__private::typed::can_be_handled::<$event>();
    };
    (@ $reader:expr) => {};
}
