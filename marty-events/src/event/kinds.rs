use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// One enum of event types: a Rust name and the word that stands on the wire, or any other word as `Custom`.
macro_rules! event_types {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[doc = concat!("`", $wire, "`")] $variant,)*
            /// A type of the service's own; the word goes to the wire as it is.
            Custom(String),
        }

        impl $name {
            /// The word that stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Custom(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($wire => Self::$variant,)*
                    other => Self::Custom(other.to_owned()),
                }
            }
        }

        impl From<$name> for Cow<'static, str> {
            fn from(kind: $name) -> Self {
                match kind {
                    $($name::$variant => Cow::Borrowed($wire),)*
                    $name::Custom(word) => Cow::Owned(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(kind: $name) -> Self {
                match kind {
                    $name::Custom(word) => word,
                    other => other.as_str().to_owned(),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

event_types! {
    /// The operation that an audit event records.
    AuditEventType {
        UserLogin = "user.login",
        UserLogout = "user.logout",
        UserLoginFailed = "user.login.failed",
        PermissionDenied = "permission.denied",
        RoleChanged = "role.changed",
        DataAccessed = "data.accessed",
        DataCreated = "data.created",
        DataUpdated = "data.updated",
        DataDeleted = "data.deleted",
        DataExported = "data.exported",
        SecurityViolation = "security.violation",
        CertificateIssued = "certificate.issued",
        CertificateRevoked = "certificate.revoked",
        CertificateValidated = "certificate.validated",
        ServiceStarted = "service.started",
        ServiceStopped = "service.stopped",
        ServiceError = "service.error",
        ConfigurationChanged = "configuration.changed",
        TrustAnchored = "trust.anchored",
        TrustRevoked = "trust.revoked",
        ComplianceChecked = "compliance.checked",
        ComplianceViolation = "compliance.violation",
    }
}

event_types! {
    /// The message that a notification has for its recipients.
    NotificationEventType {
        UserWelcome = "user.welcome",
        UserPasswordReset = "user.password.reset",
        UserAccountLocked = "user.account.locked",
        CertificateExpiring = "certificate.expiring",
        CertificateExpired = "certificate.expired",
        CertificateRenewalRequired = "certificate.renewal.required",
        SystemMaintenance = "system.maintenance",
        SystemAlert = "system.alert",
        BackupCompleted = "backup.completed",
        BackupFailed = "backup.failed",
        ComplianceReviewDue = "compliance.review.due",
        AuditRequired = "audit.required",
        PolicyUpdated = "policy.updated",
    }
}
