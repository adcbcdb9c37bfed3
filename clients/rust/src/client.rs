use std::{future::Future, pin::pin};

use tokio_stream::StreamExt;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic::{Response, Status};

use crate::follow::{follow, wait_after, Events, Operation, Place, Stub, Watch};
use crate::v1::{CniConfiguration, NetworkInterface, NetworkInterfaces, NetworkSpec};
use crate::v1::{SetupNetworkRequest as Setup, SetupResult, TeardownNetworkRequest as Down, TeardownResult};
use crate::{v1::WatchNetworksRequest, v1::WatchNetworksResponse, Error, Reason};

type Told<Q> = <Q as Operation>::Event;
type Answer<T> = Result<Response<T>, Status>;

/// Where an agent listens if nobody says otherwise.
pub const DEFAULT_TARGET: &str = "unix:/run/vmplumb/vmplumbd.sock";

/// A set-up over one CNI network, by its name.
pub fn cni(vm_id: &str, network_name: &str) -> Setup {
    let cni_configuration = Some(CniConfiguration { network_name: network_name.to_owned(), ..Default::default() });
    let interfaces = vec![NetworkInterface { cni_configuration, ..Default::default() }];
    let spec = NetworkSpec { network_interfaces: Some(NetworkInterfaces { interfaces }), ..Default::default() };
    Setup { vm_id: vm_id.to_owned(), spec: Some(spec), ..Default::default() }
}

/// One agent. Cheap to clone; connects when first used, and again after a break. While no agent answers, a call is
/// tried again six times, some three seconds in all. A call that is dropped, as by `tokio::time::timeout`, ends here
/// alone: the operation goes on, and the same call attaches to it.
#[derive(Clone, Debug)]
pub struct Client(Stub);

impl Client {
    /// A client of "unix:/path", or of "https://host:port" with mutual TLS. To be made within a tokio runtime.
    pub fn dial(target: &str, tls: Option<ClientTlsConfig>) -> Result<Self, Error> {
        let wrong = |why: &dyn ToString| Error::local(Reason::Grpc, &format!("{target}: {}", why.to_string()));
        let plain = Endpoint::from_shared(target.to_owned()).map_err(|error| wrong(&error))?;
        let endpoint = match tls {
            None if target.starts_with("unix:") => plain,
            None => return Err(wrong(&"TCP needs TLS")),
            Some(tls) => plain.tls_config(tls).map_err(|error| wrong(&error))?,
        };
        // The details of a status take up to 6 KiB before base64.
        Ok(Self(Stub::new(endpoint.http2_max_header_list_size(32 * 1024).connect_lazy())))
    }

    /// Make, or find, the network of a VM; `on_event` sees each event once, the last too. The same call with the same
    /// spec gives the same answer. With `validate_only` nothing is done, and the result is empty.
    pub async fn set_up(&self, request: Setup, on_event: impl FnMut(&Told<Setup>)) -> Result<SetupResult, Error> {
        let (only, done) = (request.validate_only, self.run(request, on_event).await);
        done.or_else(|it| if only && it.reason == Reason::ProtocolBroken { Ok(Default::default()) } else { Err(it) })
    }

    /// Remove the network of a VM, or attach to its teardown. Nothing there is success: `existed` is false.
    pub async fn tear_down(&self, request: Down, on_event: impl FnMut(&Told<Down>)) -> Result<TeardownResult, Error> {
        self.run(request, on_event).await
    }

    async fn run<Q: Operation>(&self, request: Q, mut on_event: impl FnMut(&Q::Event)) -> Result<Q::Outcome, Error> {
        let mut events = pin!(self.events(request));
        loop {
            let event = events.next().await.expect("the events end with a result or an error")?;
            on_event(&event);
            if let (_, _, Some(outcome)) = Q::read(&event) {
                return Ok(outcome.clone());
            }
        }
    }

    /// A set-up or a teardown as the stream of its events, over every broken stream, each event once. The last has the
    /// result, or is an error.
    pub fn events<Q: Operation>(&self, request: Q) -> impl Events<Q::Event> {
        follow(Place { request, last: Default::default(), resume: false }, self.0.clone())
    }

    /// Follow changes: first every record there is, then a bookmark, then changes; with `after_revision` only
    /// changes after it. Broken streams are resumed: no change comes twice, no removal is left out.
    pub fn watch(&self, vm_ids: Vec<String>, after_revision: Option<u64>) -> impl Events<WatchNetworksResponse> {
        let (request, callers_own) = (WatchNetworksRequest { vm_ids, after_revision }, after_revision.is_some());
        follow(Watch { request, callers_own, ..Default::default() }, self.0.clone())
    }

    /// Any other call, tried again while no agent answers:
    /// `client.ask(|mut stub| async move { stub.get_status(GetStatusRequest {}).await })`.
    pub async fn ask<T, F: Future<Output = Answer<T>>>(&self, act: impl Fn(Stub) -> F) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            match act(self.0.clone()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => wait_after(&mut tries, status.into()).await?,
            }
        }
    }
}
