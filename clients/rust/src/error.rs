use std::{collections::HashMap, error::Error as _, fmt, time::Duration};

use prost::Message;
use tonic::{Code, Status};
pub use tonic_types::FieldViolation as Violation;
use tonic_types::{pb, StatusExt};

use crate::v1::{ErrorReason, Failure};

/// What a caller decides by; never by a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The agent refused or failed, for a reason of the contract.
    Agent(ErrorReason),
    /// The same, for a reason that only a newer contract has.
    Newer(String),
    /// No agent answers, or the connection broke and did not come back.
    Unreachable,
    /// The answer is not what the contract allows, such as a stream without an end.
    ProtocolBroken,
    /// Another status, made by gRPC itself: `code` says which.
    Grpc,
}

/// A call that did not end well.
#[derive(Clone, Debug)]
pub struct Error {
    /// Why.
    pub reason: Reason,
    /// The gRPC code.
    pub code: Code,
    /// For people.
    pub message: String,
    /// The whole of it, as the agent stores it: plugin, kernel, leftovers, hint.
    pub failure: Option<Box<Failure>>,
    /// Every rule the request violates: path of the field, id of the rule (as `reason`), words.
    pub violations: Vec<Violation>,
    /// After how long the agent suggests another try.
    pub retry_after: Option<Duration>,
    /// What else the agent said: "vm_id", or the "limit" of a LIMIT_EXCEEDED.
    pub metadata: HashMap<String, String>,
}

impl Error {
    /// Whether it is this reason of the contract.
    pub fn is(&self, reason: ErrorReason) -> bool {
        self.reason == Reason::Agent(reason)
    }

    /// Whether the same call may succeed later without a change by anyone.
    pub fn retryable(&self) -> bool {
        self.failure.as_ref().map_or(self.reason == Reason::Unreachable, |failure| failure.retryable)
    }

    pub(crate) fn local(reason: Reason, message: &str) -> Self {
        Self { reason, ..Status::unknown(message).into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Agent(one) => write!(f, "{}: {}", &one.as_str_name()["ERROR_REASON_".len()..], self.message),
            other => write!(f, "{other:?}: {}", self.message),
        }
    }
}

impl std::error::Error for Error {}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // Details that cannot be read leave code and message.
        let details = status.get_error_details();
        let all = pb::Status::decode(status.details()).unwrap_or_default().details;
        let failure = all.iter().find(|one| one.type_url.ends_with("/vmplumb.v1.Failure"));
        let info = details.error_info().filter(|info| info.domain == "vmplumb.v1");
        Self {
            reason: match info {
                Some(info) => ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))
                    .map_or_else(|| Reason::Newer(info.reason.clone()), Reason::Agent),
                // One with a cause was made here, when the connection broke; a server that goes cancels what it could
                // not answer any more. (What this side cancels is dropped, and has no error.)
                None if matches!(status.code(), Code::Unavailable | Code::Cancelled) => Reason::Unreachable,
                None if status.source().is_some() => Reason::Unreachable,
                None => Reason::Grpc,
            },
            code: status.code(),
            message: status.message().to_owned(),
            failure: failure.and_then(|one| Failure::decode(&*one.value).ok()).map(Box::new),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            violations: details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default(),
        }
    }
}
