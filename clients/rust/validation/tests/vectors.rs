//! The contract's vectors, which are data for every language.

use std::fs;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use vmplumb::v1;
use vmplumb_validation::{violations, Request};

fn read(path: &str) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(path: &str) -> Vec<Value> {
    serde_json::from_slice(&read(path)).expect("a list")
}

fn words(list: &Value) -> Vec<String> {
    let mut words: Vec<String> = list.as_array().into_iter().flatten().map(|one| text(one).to_owned()).collect();
    words.sort_unstable();
    words
}

fn text(one: &Value) -> &str {
    one.as_str().expect("a word")
}

/// Rules and fields that a request of this type, as on the wire, violates.
fn judged<R: Request + Default>(wire: &[u8]) -> (Vec<String>, Vec<String>) {
    let found = violations(&R::decode(wire).expect("a request"));
    assert!(found.iter().all(|one| !one.description.is_empty()), "{found:?}");
    let (mut rules, mut fields): (Vec<_>, Vec<_>) = found.into_iter().map(|one| (one.reason, one.field)).unzip();
    rules.sort_unstable();
    fields.sort_unstable();
    (rules, fields)
}

#[test]
fn every_vector_breaks_the_same_rules_here_but_for_what_is_listed_of_this_engine() {
    let pool = DescriptorPool::decode(&*read("../../../build/clients/contract.binpb")).expect("descriptors");
    let mut listed: Vec<String> = json("../../../tests/contract_rules/engines.json")
        .iter()
        .filter(|one| one["engine"] == "protovalidate-buffa")
        .flat_map(|one| words(&one["vectors"]))
        .collect();
    let (mut missed, vectors) = (vec![], json("../../../tests/contract_rules/vectors.json"));
    assert!(vectors.len() > 100);
    for vector in vectors {
        let id = text(&vector["id"]);
        let name = text(&vector["message"]);
        let kind = pool.get_message_by_name(&format!("vmplumb.v1.{name}")).expect("a message");
        let wire = DynamicMessage::deserialize(kind, &vector["json"]).expect("proto JSON").encode_to_vec();
        let (rules, fields) = match name {
            "SetupNetworkRequest" => judged::<v1::SetupNetworkRequest>(&wire),
            "TeardownNetworkRequest" => judged::<v1::TeardownNetworkRequest>(&wire),
            "GetNetworkRequest" => judged::<v1::GetNetworkRequest>(&wire),
            "ListNetworksRequest" => judged::<v1::ListNetworksRequest>(&wire),
            "WatchNetworksRequest" => judged::<v1::WatchNetworksRequest>(&wire),
            "CheckNetworkRequest" => judged::<v1::CheckNetworkRequest>(&wire),
            "DescribeNetworkRequest" => judged::<v1::DescribeNetworkRequest>(&wire),
            "CollectGarbageRequest" => judged::<v1::CollectGarbageRequest>(&wire),
            "CordonHostRequest" => judged::<v1::CordonHostRequest>(&wire),
            "DiagnoseHostRequest" => judged::<v1::DiagnoseHostRequest>(&wire),
            "GetStatusRequest" => judged::<v1::GetStatusRequest>(&wire),
            _ => panic!("{id}: a vector of another message, {name}"),
        };
        if rules != words(&vector["want"]) {
            missed.push(id.to_owned());
        } else if vector.get("fields").is_some() {
            assert_eq!(fields, words(&vector["fields"]), "{id}");
        }
    }
    missed.sort_unstable();
    listed.sort_unstable();
    assert_eq!(missed, listed);
}

#[test]
fn cni_args_have_a_bound_in_all() {
    for (size, want) in [(65536, vec![]), (65537, vec!["cni_configuration.args_size"])] {
        let mut request = vmplumb::cni("vm-1", "n");
        let interfaces = &mut request.spec.as_mut().unwrap().network_interfaces.as_mut().unwrap().interfaces;
        let arg = |length| v1::CniArg { key: "K".to_owned(), value: "x".repeat(length) };
        interfaces[0].cni_configuration.as_mut().unwrap().args = vec![arg(30000), arg(size - 30000 - "K=;K=".len())];
        let rules: Vec<String> = violations(&request).into_iter().map(|one| one.reason).collect();
        assert_eq!(rules, want);
    }
}
