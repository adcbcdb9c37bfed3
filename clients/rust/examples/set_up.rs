//! Gives a VM its network, tells what happens, takes everything back: `set_up VM_ID NETWORK [TARGET]`.

use vmplumb::v1::{setup_network_response::Event, TeardownNetworkRequest};
use vmplumb::{cni, Client, DEFAULT_TARGET};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [vm_id, network, rest @ ..] = words.as_slice() else {
        return Err("usage: set_up VM_ID NETWORK [TARGET]".into());
    };
    let client = Client::dial(rest.first().map_or(DEFAULT_TARGET, String::as_str), None)?;

    let result = client
        .set_up(cni(vm_id, network), |event| {
            if let Some(Event::Progress(progress)) = &event.event {
                println!("{:3}  {} {}", event.sequence, progress.step().as_str_name(), progress.state().as_str_name());
            }
        })
        .await?;
    println!("start the VM in {} with ip={}", result.netns_path, result.ip_boot_param);
    for interface in result.interfaces {
        println!("  {}", String::from_utf8(interface.firecracker_interface.unwrap_or_default().json)?);
    }

    let gone = TeardownNetworkRequest { vm_id: vm_id.clone(), wait_for_devices: true, ..Default::default() };
    let torn_down = client.tear_down(gone, |_| {}).await?;
    println!("gone: {}", torn_down.existed && torn_down.devices_gone);
    Ok(())
}
