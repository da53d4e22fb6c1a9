//! The four event attributes.

use syn::Path;

/// One of the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audit,
    Domain,
    Notification,
    Custom,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Audit, Self::Domain, Self::Notification, Self::Custom];

    /// The kind of an event attribute, by its last segment. Any other attribute expands by itself.
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
