// Starts a microVM with a CNI network, waits until it ends, and leaves nothing behind.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/firecracker-microvm/firecracker-go-sdk"
	"github.com/firecracker-microvm/firecracker-go-sdk/client/models"
	"github.com/vmplumb/vmplumb/clients/go/fcsdk"
)

func main() {
	ctx := context.Background()
	cfg := firecracker.Config{
		VMID:            os.Args[1],
		SocketPath:      os.Args[2],
		KernelImagePath: os.Args[3],
		KernelArgs:      "console=ttyS0 reboot=k panic=1",
		MachineCfg:      models.MachineConfiguration{VcpuCount: firecracker.Int64(1), MemSizeMib: firecracker.Int64(128)},
		NetworkInterfaces: firecracker.NetworkInterfaces{{
			CNIConfiguration: &firecracker.CNIConfiguration{
				NetworkName: os.Args[4],
				IfName:      "eth0",
				ConfDir:     os.Args[5],
				BinPath:     []string{os.Args[6]},
			},
		}},
	}
	m, err := firecracker.NewMachine(ctx, cfg, fcsdk.WithAgent("unix:///run/vmplumb/vmplumbd.sock"))
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Start(ctx); err != nil {
		log.Fatal(err)
	}
	made := m.Cfg.NetworkInterfaces[0].StaticConfiguration
	fmt.Println("tap", made.HostDevName, "in", m.Cfg.NetNS, "boots with", m.Cfg.KernelArgs)
	if err := m.StopVMM(); err != nil {
		log.Fatal(err)
	}
	if err := m.Wait(ctx); err != nil {
		log.Fatal(err)
	}
}
