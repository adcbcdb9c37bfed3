use std::{collections::BTreeMap, collections::BTreeSet, future::Future, time::Duration, time::UNIX_EPOCH};

use tokio_stream::Stream;
use tonic::{transport::Channel, Response, Status, Streaming};

use crate::v1::{self, network_agent_service_client::NetworkAgentServiceClient, ErrorReason};
use crate::v1::{setup_network_response as up, teardown_network_response as down, watch_networks_response::Event};
use crate::v1::{Phase, ResumePosition, VmNetwork, WatchNetworksRequest, WatchNetworksResponse};
use crate::{Error, Reason};

pub type Stub = NetworkAgentServiceClient<Channel>;

/// What a call tells, until it ends with an error or its last event.
pub trait Events<T>: Stream<Item = Result<T, Error>> + Send {}
impl<T, S: Stream<Item = Result<T, Error>> + Send> Events<T> for S {}

/// What a stub gives for a stream.
pub trait Opened<T>: Future<Output = Result<Response<Streaming<T>>, Status>> + Send {}
impl<T, F: Future<Output = Result<Response<Streaming<T>>, Status>> + Send> Opened<T> for F {}

/// Something that is followed over as many streams as it takes.
pub(crate) trait Follow: Send {
    type Event: Send;
    /// What a stream is that ended well before its last event.
    const ENDED: (Reason, &'static str);
    /// The next stream, from where the last one broke.
    fn open(&mut self, stub: Stub) -> impl Opened<Self::Event>;
    /// What of it is new to the caller; the bool says that it is the last.
    fn take(&mut self, event: Self::Event) -> (Vec<Self::Event>, bool);
    /// Tells of a break. Whether only the place to go on from was lost: then the next stream need not wait.
    fn broke(&mut self, error: &Error) -> bool;
}

pub(crate) fn follow<F: Follow>(mut what: F, stub: Stub) -> impl Events<F::Event> {
    async_stream::try_stream! {
        let mut tries = 0;
        loop {
            let mut stream = what.open(stub.clone()).await.map(Response::into_inner);
            let error = loop {
                let Ok(open) = &mut stream else { break Error::from(stream.unwrap_err()) };
                match open.message().await {
                    Err(status) => break status.into(),
                    Ok(None) => break Error::local(F::ENDED.0, F::ENDED.1),
                    Ok(Some(event)) => {
                        tries = 0;
                        let (events, last) = what.take(event);
                        for event in events {
                            yield event;
                        }
                        if last {
                            return;
                        }
                    }
                }
            };
            if !what.broke(&error) {
                wait_after(&mut tries, error).await?;
            }
        }
    }
}

/// Waits before the next try, or gives the error back if there is to be none. Tried again is what says that nobody
/// was there; an operation that ended UNAVAILABLE (CNI_TRY_AGAIN_LATER) has ended.
pub(crate) async fn wait_after(tries: &mut u32, error: Error) -> Result<(), Error> {
    *tries += 1;
    if !(error.reason == Reason::Unreachable || error.is(ErrorReason::AgentNotReady)) || *tries > 5 {
        return Err(error);
    }
    let jitter = UNIX_EPOCH.elapsed().map_or(0.0, |now| now.subsec_micros() as f64 % 1e3 / 2e3);
    let wait = Duration::from_millis(50 << *tries).mul_f64(0.5 + jitter);
    tokio::time::sleep(wait.max(error.retry_after.unwrap_or_default().min(Duration::from_secs(5)))).await;
    Ok(())
}

/// The request of an operation that is taken up again after a broken stream: a set-up's or a teardown's.
pub trait Operation: Clone + Send + 'static {
    /// What the agent sends.
    type Event: Send;
    /// What the operation ends with.
    type Outcome: Clone;
    /// Begins it, or attaches to it.
    fn open(self, stub: Stub, resume: Option<ResumePosition>) -> impl Opened<Self::Event>;
    /// What it is, its place in it, and the outcome of the last event.
    fn read(event: &Self::Event) -> (&str, u64, Option<&Self::Outcome>);
}

macro_rules! operation {
    ($request:ident, $event:ident, $outcome:ident, $method:ident, $kinds:ident) => {
        impl Operation for v1::$request {
            type Event = v1::$event;
            type Outcome = v1::$outcome;
            fn open(self, mut stub: Stub, resume: Option<ResumePosition>) -> impl Opened<v1::$event> {
                async move { stub.$method(Self { resume, ..self }).await }
            }
            fn read(event: &v1::$event) -> (&str, u64, Option<&v1::$outcome>) {
                let outcome = if let Some($kinds::Event::Result(it)) = &event.event { Some(it) } else { None };
                (&event.uid, event.sequence, outcome)
            }
        }
    };
}
operation!(SetupNetworkRequest, SetupNetworkResponse, SetupResult, setup_network, up);
operation!(TeardownNetworkRequest, TeardownNetworkResponse, TeardownResult, teardown_network, down);

/// One operation, and the place in it.
pub(crate) struct Place<Q> {
    pub request: Q,
    pub last: ResumePosition,
    pub resume: bool,
}

impl<Q: Operation> Follow for Place<Q> {
    type Event = Q::Event;
    const ENDED: (Reason, &'static str) = (Reason::ProtocolBroken, "the stream ended well but without a result");

    fn open(&mut self, stub: Stub) -> impl Opened<Q::Event> {
        self.request.clone().open(stub, self.resume.then(|| self.last.clone()))
    }

    fn take(&mut self, event: Q::Event) -> (Vec<Q::Event>, bool) {
        let (uid, sequence, outcome) = Q::read(&event);
        // Another uid is another operation: the one before has ended, and what it did is undone or forgotten.
        if outcome.is_none() && uid == self.last.uid && sequence <= self.last.sequence {
            return (vec![], false);
        }
        let last = outcome.is_some();
        self.last = ResumePosition { uid: uid.to_owned(), sequence };
        (vec![event], last)
    }

    fn broke(&mut self, error: &Error) -> bool {
        // The contract: call again without it. The uid is kept, so that a replay is known for one.
        let lost = self.resume && error.is(ErrorReason::ResumePositionLost);
        self.resume = !lost && !self.last.uid.is_empty();
        lost
    }
}

/// One watch, without a change told twice or a removal left out.
#[derive(Default)]
pub(crate) struct Watch {
    pub request: WatchNetworksRequest,
    pub callers_own: bool,
    /// What the caller was told and is not gone: vm_id -> (uid, revision).
    pub told: BTreeMap<String, (String, u64)>,
    pub snapshot: BTreeSet<String>,
}

impl Follow for Watch {
    type Event = WatchNetworksResponse;
    const ENDED: (Reason, &'static str) = (Reason::Unreachable, "the agent ended the watch");

    fn open(&mut self, mut stub: Stub) -> impl Opened<WatchNetworksResponse> {
        // A snapshot is in the order of ids, not of revisions: one that broke begins anew.
        self.snapshot.clear();
        let request = self.request.clone();
        async move { stub.watch_networks(request).await }
    }

    fn take(&mut self, response: WatchNetworksResponse) -> (Vec<WatchNetworksResponse>, bool) {
        let (revision, position, told) = (response.revision, &mut self.request.after_revision, &mut self.told);
        let mut events = vec![];
        match &response.event {
            Some(Event::Network(network)) => {
                let (vm_id, now) = (network.vm_id.clone(), (network.uid.clone(), network.revision));
                self.snapshot.insert(vm_id.clone());
                *position = position.map(|held| held.max(revision));
                let removed = network.phase() == Phase::Removed;
                let before = if removed { told.remove(&vm_id) } else { told.insert(vm_id, now.clone()) };
                if before == Some(now) {
                    return (events, false);
                }
            }
            Some(Event::Bookmark(_)) => {
                // What was told before a break and is in no snapshot since was removed meanwhile.
                let (whole, kept) = (position.is_none(), &self.snapshot);
                for (vm_id, (uid, _)) in told.extract_if(.., |vm_id, _| whole && !kept.contains(vm_id)) {
                    let network =
                        VmNetwork { vm_id, uid, revision, phase: Phase::Removed.into(), ..Default::default() };
                    events.push(WatchNetworksResponse { revision, event: Some(Event::Network(network)) });
                }
                *position = (*position).max(Some(revision));
            }
            None => return (events, false),
        }
        events.push(response);
        (events, false)
    }

    fn broke(&mut self, error: &Error) -> bool {
        // A new snapshot makes it good, unless the watch began at a position of the caller's own: only the caller
        // knows what it has seen, and is told.
        let position = &mut self.request.after_revision;
        let lost = error.is(ErrorReason::ResumePositionLost) && position.is_some() && !self.callers_own;
        *position = position.filter(|_| !lost);
        lost
    }
}
