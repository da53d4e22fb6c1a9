//! The arguments of the attributes: `key = value`, `key(..)`.

mod fields;
mod keys;
mod read;
mod slips;
mod words;
mod written;

use proc_macro2::{Span, TokenStream};
use syn::{Expr, Ident, LitStr, Path};

pub(crate) use read::Errors;
pub(crate) use words::{choice, literal};

/// Which of the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audit,
    Domain,
    Notification,
    Custom,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Audit, Self::Domain, Self::Notification, Self::Custom];

    /// The kind of an attribute that is ours by its last segment; anything else comes to expand by itself.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.segments.last()?.ident.to_string();
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit_event",
            Self::Domain => "domain_event",
            Self::Notification => "notification_event",
            Self::Custom => "custom_event",
        }
    }

    /// The key that names the id.
    pub(crate) fn id_key(self) -> &'static str {
        match self {
            Self::Audit => "resource_id_field",
            Self::Domain => "aggregate_id_field",
            Self::Notification => "recipient_id_field",
            Self::Custom => "key_field",
        }
    }
}

/// The arguments of one attribute, each as it was written.
pub(crate) struct Args {
    pub(crate) kind: Kind,
    /// Where the attribute stands, for what has no token of its own.
    pub(crate) span: Span,
    /// Keys that take an expression: `event_type`, `action`, `resource_type`, ...
    values: Vec<(Ident, Expr)>,
    pub(crate) id: Option<IdField>,
    pub(crate) data: Option<Data>,
    pub(crate) tags: Vec<Expr>,
    pub(crate) delivery: Option<(Delivery, Span)>,
    pub(crate) transaction: Option<Expr>,
    pub(crate) on_publish_error: Option<(OnPublishError, Span)>,
    pub(crate) on: Option<(On, Span)>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    pub(crate) fn parse(kind: Kind, span: Span, tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        read::args(kind, span, tokens, errors)
    }

    pub(crate) fn on(&self) -> On {
        self.on.map_or(On::Success, |(on, _)| on)
    }

    pub(crate) fn is(&self, delivery: Delivery) -> bool {
        matches!(self.delivery, Some((given, _)) if given == delivery)
    }

    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.values.iter().find(|(name, _)| name == key).map(|(name, _)| name)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Expr> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// `"user_id"`, `"request.user.id"`, `"result.id"`; or `none`, in so many letters.
pub(crate) enum IdField {
    Path(LitStr),
    None,
}

pub(crate) enum Data {
    /// `data(name = expr, name)`
    Fields(Vec<(Ident, Expr)>),
    /// `data = expr`
    Whole(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Outbox,
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnPublishError {
    Log,
    Fail,
}

/// Which outcomes are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Success,
    Failure,
    Both,
}

impl On {
    pub(crate) fn success(self) -> bool {
        self != Self::Failure
    }

    pub(crate) fn failure(self) -> bool {
        self != Self::Success
    }
}
