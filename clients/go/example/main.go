// Gives a VM its network, prints what Firecracker is to be told, and takes the network back.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func main() {
	ctx := context.Background()
	client, err := vmplumb.Dial(os.Args[1], vmplumb.Options{}) // unix:///run/vmplumb/vmplumbd.sock
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	told := func(event *vmplumbv1.SetupNetworkResponse) {
		fmt.Println(event.GetProgress().Step, event.GetProgress().State)
	}
	result, err := client.SetUp(ctx, vmplumb.CNI("vm-1", os.Args[2]), told)
	var refused *vmplumb.Error
	switch {
	case errors.Is(err, reason.AddressesExhausted):
		log.Fatal("this host is full")
	case errors.As(err, &refused):
		log.Fatalf("%v; %s %v", refused, refused.Failure.GetHint(), refused.Violations)
	case err != nil:
		log.Fatal(err)
	}
	fmt.Printf("PUT /network-interfaces/1 %s\n", result.Interfaces[0].FirecrackerInterface.Json)
	fmt.Printf("jailer --netns %s; boot with ip=%s\n", result.NetnsPath, result.IpBootParam)

	gone, err := client.TearDown(ctx, &vmplumbv1.TeardownNetworkRequest{VmId: "vm-1"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("existed:", gone.Existed)
}
