//! The contract's rules, judged on this side: fields and rule ids are those that an agent answers.
//!
//! The rules are generated as Rust, over messages of their own, so a request is judged by what it is on the wire.

use prost::Message as _;
use protovalidate_buffa::{buffa::Message as _, Validate as _, ValidationError};
use vmplumb::v1::{self, SetupNetworkRequest};
use vmplumb::Violation;

#[allow(missing_docs, unused_imports, dead_code)]
mod proto {
    pub mod vmplumb {
        pub mod v1 {
            include!("gen/messages/vmplumb.v1.mod.rs");
        }
    }
}
#[path = "gen/rules/mod.rs"]
#[rustfmt::skip]
mod rules;

const ARGS_MAX_BYTES: usize = 65536;

/// A request of the contract.
pub trait Request: prost::Message {
    #[doc(hidden)]
    fn judged(&self) -> Result<(), ValidationError>;
    #[doc(hidden)]
    fn set_up(&self) -> Option<&SetupNetworkRequest> {
        None
    }
}

macro_rules! request {
    ($($name:ident $({ $more:item })?),* $(,)?) => {$(
        impl Request for v1::$name {
            fn judged(&self) -> Result<(), ValidationError> {
                let wire = self.encode_to_vec();
                proto::vmplumb::v1::$name::decode_from_slice(&wire).expect("what prost wrote").validate()
            }
            $($more)?
        }
    )*};
}
request!(
    SetupNetworkRequest {
        fn set_up(&self) -> Option<&SetupNetworkRequest> {
            Some(self)
        }
    },
    TeardownNetworkRequest,
    GetNetworkRequest,
    ListNetworksRequest,
    WatchNetworksRequest,
    CheckNetworkRequest,
    DescribeNetworkRequest,
    CollectGarbageRequest,
    DiagnoseHostRequest,
    CordonHostRequest,
    GetStatusRequest,
);

/// Every rule a request violates; the rule's id is the violation's `reason`. An agent may refuse for more: what only
/// the host can tell.
///
/// # Panics
///
/// If a rule of the contract cannot be judged at all, which is a fault of this crate.
pub fn violations(request: &impl Request) -> Vec<Violation> {
    let mut found = vec![];
    if let Err(judged) = request.judged() {
        assert!(judged.compile_error.is_none() && judged.runtime_error.is_none(), "{judged:?}");
        for one in judged.violations {
            found.push(violation(one.field.to_string(), &one.rule_id, one.message.into_owned()));
        }
    }
    if let Some(request) = request.set_up() {
        beyond_cel(request, &mut found);
    }
    found
}

fn violation(field: String, rule: &str, description: String) -> Violation {
    Violation { reason: rule.to_owned(), ..Violation::new(field, description) }
}

/// The rules that the contract states in words, since CEL can neither add up nor read JSON.
fn beyond_cel(request: &SetupNetworkRequest, found: &mut Vec<Violation>) {
    let interfaces = request.spec.iter().flat_map(|spec| &spec.network_interfaces).flat_map(|all| &all.interfaces);
    for (index, cni) in interfaces.enumerate().filter_map(|(index, one)| Some((index, one.cni_configuration.as_ref()?)))
    {
        let place = format!("spec.network_interfaces.interfaces[{index}].cni_configuration");
        let size: usize = cni.args.iter().map(|arg| arg.key.len() + arg.value.len() + "=;".len()).sum();
        if size > ARGS_MAX_BYTES + ";".len() {
            let words = format!("args must be at most {ARGS_MAX_BYTES} bytes as CNI_ARGS, and are {}", size - 1);
            found.push(violation(format!("{place}.args"), "cni_configuration.args_size", words));
        }
        type Object = serde_json::Map<String, serde_json::Value>;
        if !cni.capability_args.is_empty() && serde_json::from_slice::<Object>(&cni.capability_args).is_err() {
            let words = "capability_args must be a JSON object in UTF-8".to_owned();
            found.push(violation(format!("{place}.capability_args"), "cni_configuration.capability_args", words));
        }
    }
}
