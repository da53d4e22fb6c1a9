//! The events of a binary: descriptions, documents made from them, and a check of changes.
//!
//! Each attribute and each typed event leaves a description at link time. [`catalogue`] collects them.
//!
//! ```
//! use marty_events::catalogue::{Catalogue, Published};
//!
//! let event = Published::new("domain", "users.user.user_created", "user_created").key("user_id");
//! let catalogue = Catalogue::new("users").publishing(event);
//! let text = catalogue.to_json();
//! assert_eq!(Catalogue::from_json(&text)?, catalogue);
//! # Ok::<(), marty_events::catalogue::CatalogueError>(())
//! ```

mod asyncapi;
mod check;
mod compatibility;
mod error;
mod handled;
mod json;
mod markdown;
mod model;
mod registered;
mod schema;
mod typed;

pub use check::{assert_compatible, assert_handles};
pub use compatibility::{Change, Verdict, compare, unreadable};
pub use error::CatalogueError;
pub use handled::handled;
pub use model::{Catalogue, Handled, Published};
#[cfg(feature = "_publisher")]
pub(crate) use registered::direct_domain_events;
pub use registered::{Description, catalogue};
#[doc(hidden)]
pub use schema::{SchemaOf, WithoutSchema};
#[doc(hidden)]
pub use typed::{TypeDescription, Use};
