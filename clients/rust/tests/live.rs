//! Against a live agent with real networks, which tools/clients/live_agent.py puts around this process.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::{env, fs, future::Future, path::Path, pin::pin, process::Command, time::Duration};

use tokio_stream::StreamExt;
use vmplumb::tonic::transport::{Certificate, ClientTlsConfig, Identity};
use vmplumb::tonic::{Code, Status};
use vmplumb::v1::{setup_network_response, watch_networks_response, CniArg, ErrorReason, Phase};
use vmplumb::v1::{GetNetworkRequest, GetStatusRequest, SetupNetworkRequest, TeardownNetworkRequest};
use vmplumb::{cni, Client, Error, Reason};

fn around(name: &str) -> String {
    env::var(format!("VMPLUMB_TEST_{name}")).expect("no live agent: run by make clients")
}

fn unix(path: &str) -> Client {
    Client::dial(&format!("unix:{path}"), None).expect("a Unix socket")
}

fn agent() -> Client {
    unix(&around("UNIX"))
}

/// Says one line to the agent's surroundings and gives back the answer.
fn order(line: &str) -> String {
    let mut control = UnixStream::connect(around("CONTROL")).expect("the control socket");
    writeln!(control, "{line}").expect("a line");
    let mut answer = String::new();
    BufReader::new(control).read_line(&mut answer).expect("an answer");
    answer.strip_prefix("OK").unwrap_or_else(|| panic!("{line}: {answer}")).trim().to_owned()
}

async fn ordered(line: String) -> String {
    tokio::task::spawn_blocking(move || order(&line)).await.expect("no panic")
}

fn teardown(vm_id: &str) -> TeardownNetworkRequest {
    TeardownNetworkRequest { vm_id: vm_id.to_owned(), wait_for_devices: true, ..Default::default() }
}

async fn gone(vm_id: &str) {
    let done = agent().tear_down(teardown(vm_id), |_| {}).await.expect("a teardown");
    assert!(done.existed && done.devices_gone, "{done:?}");
}

/// Ends only when something hangs.
async fn in_time<T>(act: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), act).await.expect("an end")
}

fn sequences(into: &mut Vec<u64>) -> impl FnMut(&vmplumb::v1::SetupNetworkResponse) + '_ {
    |event| into.push(event.sequence)
}

#[tokio::test]
async fn a_network_is_made_told_of_and_taken_back() {
    let (client, mut told) = (agent(), vec![]);
    let result =
        in_time(client.set_up(cni("rs-quick", "quick"), |event| told.push(event.clone()))).await.expect("set up");
    let tap = result.interfaces[0].static_configuration.clone().expect("always set");
    assert!(!tap.host_dev_name.is_empty() && !tap.mac_address.is_empty(), "{result:?}");
    assert!(result.ip_boot_param.starts_with("10.201."), "{result:?}");
    assert!(Path::new(&result.netns_path).exists());
    let last = told.last().expect("an event");
    assert_eq!(last.event, Some(setup_network_response::Event::Result(result.clone())));

    let again = in_time(client.set_up(cni("rs-quick", "quick"), |_| {})).await.expect("the same answer");
    assert_eq!(again, result);
    gone("rs-quick").await;
    let nothing = in_time(client.tear_down(teardown("rs-quick"), |_| {})).await.expect("nothing there is success");
    assert!(!nothing.existed);
    let asked = GetNetworkRequest { vm_id: "rs-quick".to_owned() };
    let error = client
        .ask(|mut stub| {
            let asked = asked.clone();
            async move { stub.get_network(asked).await }
        })
        .await;
    assert!(error.expect_err("no record").is(ErrorReason::VmNotFound));
}

#[tokio::test]
async fn a_bridge_serves_too() {
    let result = in_time(agent().set_up(cni("rs-bridged", "bridged"), |_| {})).await.expect("set up");
    assert!(result.ip_boot_param.starts_with("10.202."), "{result:?}");
    gone("rs-bridged").await;
}

#[tokio::test]
async fn each_step_comes_as_a_stream_while_it_happens() {
    let client = agent();
    let mut events = pin!(client.events(cni("rs-slow", "slow")));
    let first = in_time(events.next()).await.expect("an event").expect("no error");
    assert_eq!((first.sequence, first.replayed), (1, false));
    ordered("WAIT rs-slow".to_owned()).await;
    ordered("OPEN rs-slow".to_owned()).await;
    let mut last = None;
    while let Some(event) = in_time(events.next()).await {
        last = Some(event.expect("no error"));
    }
    assert!(matches!(last.expect("a last event").event, Some(setup_network_response::Event::Result(_))));
    gone("rs-slow").await;
}

#[tokio::test]
async fn a_stream_cut_at_any_event_is_taken_up_again() {
    // Some five events come while the plugin waits; the second connection goes on after those of the first.
    for after in 0..3 {
        let vm_id = format!("rs-cut-{after}");
        let relay = order(&format!("RELAY times=2 messages={after}"));
        let client = unix(&relay);
        let mut told = vec![];
        let call = client.set_up(cni(&vm_id, "slow"), sequences(&mut told));
        let opened = async {
            while ordered(format!("SEEN {relay}")).await != "connections=3 cuts=2" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            ordered(format!("OPEN {vm_id}")).await;
        };
        let (result, ()) = in_time(async { tokio::join!(call, opened) }).await;
        let result = result.expect("set up, over breaks");
        assert_eq!(order(&format!("SEEN {relay}")), "connections=3 cuts=2", "{told:?}");
        assert!(told.is_sorted_by(|a, b| a < b), "no event twice: {told:?}");
        assert_eq!(agent().set_up(cni(&vm_id, "slow"), |_| {}).await.expect("the same answer"), result);
        gone(&vm_id).await;
    }
}

#[tokio::test]
async fn a_teardown_is_taken_up_again() {
    in_time(agent().set_up(cni("rs-down", "quick"), |_| {})).await.expect("set up");
    let relay = order("RELAY times=1 messages=0");
    let done = in_time(unix(&relay).tear_down(teardown("rs-down"), |_| {})).await.expect("torn down");
    // What the first call began may be over: then nothing is there for the second.
    assert!(done.devices_gone);
    assert_eq!(order(&format!("SEEN {relay}")), "connections=2 cuts=1");
}

#[tokio::test]
async fn mutual_tls_lets_friends_in_and_strangers_not() {
    let read = |name: &str| fs::read(around(name)).expect("a PEM file");
    let target = format!("https://{}", around("TLS"));
    let tls = |cert: &str, key: &str| {
        let identity = Identity::from_pem(read(cert), read(key));
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read("CA"))).identity(identity)
    };
    let friend = Client::dial(&target, Some(tls("CERT", "KEY"))).expect("a target");
    let result = in_time(friend.set_up(cni("rs-tls", "quick"), |_| {})).await.expect("set up");
    assert!(!result.netns_path.is_empty());
    gone_by(&friend, "rs-tls").await;

    let stranger = Client::dial(&target, Some(tls("STRANGER_CERT", "STRANGER_KEY"))).expect("a target");
    let error = in_time(stranger.ask(|mut stub| async move { stub.get_status(GetStatusRequest {}).await })).await;
    assert_eq!(error.expect_err("not let in").reason, Reason::Unreachable);
    let error = Client::dial("https://127.0.0.1:1", None).expect_err("TCP without TLS");
    assert_eq!(error.reason, Reason::Grpc);
}

async fn gone_by(client: &Client, vm_id: &str) {
    assert!(in_time(client.tear_down(teardown(vm_id), |_| {})).await.expect("a teardown").existed);
}

async fn failure(request: SetupNetworkRequest) -> Error {
    in_time(agent().set_up(request, |_| {})).await.expect_err("a failure")
}

#[tokio::test]
async fn errors_have_the_reason_and_the_rest_of_the_answer() {
    let error = failure(cni("rs-broken", "broken")).await;
    assert!(error.is(ErrorReason::CniAddFailed), "{error}");
    assert!(error.to_string().starts_with("CNI_ADD_FAILED: "), "{error}");
    let plugin = error.failure.clone().and_then(|failure| failure.cni_error).expect("the plugin's error");
    assert_eq!((plugin.code, plugin.msg.as_str(), plugin.details.as_str()), (100, "the switch is full", "port 1 of 1"));
    assert_eq!(error.metadata["vm_id"], "rs-broken");

    let error = failure(cni("rs-busy", "busy")).await;
    assert!(error.is(ErrorReason::CniTryAgainLater) && error.retryable(), "{error}");
    assert!(error.retry_after.is_some(), "{error:?}");
    let error = failure(cni("rs-missing", "missing")).await;
    assert!(error.is(ErrorReason::CniPluginUnavailable) && !error.retryable(), "{error}");
    let error = failure(cni("rs-nowhere", "nowhere")).await;
    assert!(error.is(ErrorReason::CniNetworkNotFound), "{error}");
    let error = failure(cni("rs-tapless", "tapless")).await;
    assert!(error.is(ErrorReason::CniResultUnusable), "{error}");
    for vm_id in ["rs-broken", "rs-busy", "rs-tapless"] {
        in_time(agent().tear_down(teardown(vm_id), |_| {})).await.expect("what failed is forgotten");
    }
}

#[tokio::test]
async fn all_violations_come_at_once_with_their_rules() {
    let mut request = cni("not/an/id", "quick");
    request.kernel_args = "ip=dhcp".to_owned();
    let error = failure(request).await;
    assert!(error.is(ErrorReason::InvalidRequest), "{error}");
    let mut rules: Vec<(&str, &str)> =
        error.violations.iter().map(|one| (one.field.as_str(), one.reason.as_str())).collect();
    rules.sort_unstable();
    assert_eq!(rules, [("", "network_spec.ip_with_kernel_arg"), ("vm_id", "string.pattern")]);
}

#[tokio::test]
async fn a_full_network_and_a_taken_id_are_told_apart() {
    in_time(agent().set_up(cni("rs-small-1", "small"), |_| {})).await.expect("the one address");
    let error = failure(cni("rs-small-2", "small")).await;
    assert!(error.is(ErrorReason::AddressesExhausted), "{error}");
    let error = failure(cni("rs-small-1", "quick")).await;
    assert!(error.is(ErrorReason::SpecConflict), "{error}");
    gone("rs-small-1").await;
    in_time(agent().tear_down(teardown("rs-small-2"), |_| {})).await.expect("what failed is forgotten");
}

#[tokio::test]
async fn a_dropped_call_ends_here_alone() {
    let client = agent();
    let call = client.set_up(cni("rs-drop", "slow"), |_| {});
    let waited = tokio::select! {
        _ = call => None,
        arrived = ordered("WAIT rs-drop".to_owned()) => Some(arrived),
    };
    assert_eq!(waited.as_deref(), Some(""));
    ordered("OPEN rs-drop".to_owned()).await;
    in_time(client.set_up(cni("rs-drop", "slow"), |_| {})).await.expect("the same operation goes on");
    gone("rs-drop").await;
}

#[tokio::test]
async fn a_watch_tells_each_change_once_over_breaks() {
    let relay = order("RELAY times=2 messages=2");
    let client = unix(&relay);
    let ids = vec!["rs-watch".to_owned()];
    let mut events = pin!(client.watch(ids, None));
    let bookmark = in_time(events.next()).await.expect("an event").expect("no error");
    assert!(matches!(bookmark.event, Some(watch_networks_response::Event::Bookmark(_))));
    in_time(agent().set_up(cni("rs-watch", "quick"), |_| {})).await.expect("set up");
    gone("rs-watch").await;
    let (mut phases, mut revisions) = (vec![], vec![]);
    while phases.last() != Some(&Phase::Removed) {
        let event = in_time(events.next()).await.expect("an event").expect("no error");
        if let Some(watch_networks_response::Event::Network(network)) = event.event {
            phases.push(network.phase());
            revisions.push(network.revision);
        }
    }
    assert!(revisions.is_sorted_by(|a, b| a < b), "no change twice: {revisions:?}");
    let error = in_time(pin!(agent().watch(vec![], Some(u64::MAX))).next()).await.expect("an end");
    assert!(error.expect_err("a position that is not held").is(ErrorReason::ResumePositionLost));
}

#[tokio::test]
async fn what_is_only_validated_is_well_and_does_nothing_or_is_refused() {
    let only = |network| SetupNetworkRequest { validate_only: true, ..cni("rs-only", network) };
    assert_eq!(in_time(agent().set_up(only("quick"), |_| {})).await.expect("it is well"), Default::default());
    assert!(failure(only("nowhere")).await.is(ErrorReason::CniNetworkNotFound));
    let nothing = in_time(agent().tear_down(teardown("rs-only"), |_| {})).await.expect("nothing there is success");
    assert!(!nothing.existed);
}

#[test]
fn what_a_server_that_goes_has_cancelled_is_tried_again() {
    for code in [Code::Cancelled, Code::Unavailable] {
        assert_eq!(Error::from(Status::new(code, "it goes")).reason, Reason::Unreachable);
    }
    assert_eq!(Error::from(Status::new(Code::Internal, "it fails")).reason, Reason::Grpc);
}

#[tokio::test]
async fn nobody_there_is_told_after_some_tries() {
    let client = unix("/nowhere/at.sock");
    let error = in_time(client.ask(|mut stub| async move { stub.get_status(GetStatusRequest {}).await })).await;
    let error = error.expect_err("nobody there");
    assert!(error.reason == Reason::Unreachable && error.retryable(), "{error:?}");
}

#[test]
fn secrets_are_not_printed() {
    let arg = CniArg { key: "TOKEN".to_owned(), value: "hush".to_owned() };
    let mut request = cni("vm", "net");
    let interfaces = &mut request.spec.as_mut().unwrap().network_interfaces.as_mut().unwrap().interfaces;
    interfaces[0].cni_configuration.as_mut().unwrap().args.push(arg);
    assert!(!format!("{request:?}").contains("hush"));
}

#[test]
fn the_program_of_the_readme_runs() {
    assert!(include_str!("../README.md").contains(include_str!("../examples/set_up.rs")));
    let path = env::current_exe().expect("this test").ancestors().nth(2).expect("target/debug").join("examples/set_up");
    let done = Command::new(path)
        .args(["rs-example", "quick", &format!("unix:{}", around("UNIX"))])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("\"host_dev_name\"") && said.contains("gone: true"), "{said}");
}
