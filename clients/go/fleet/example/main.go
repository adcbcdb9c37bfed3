// Gives a VM its network at the best agent of a fleet, says where, and takes the network back.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/fleet"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tls, err := vmplumb.TLSFiles(os.Args[2], os.Args[3], os.Args[4]) // ca.pem me.pem me.key
	if err != nil {
		log.Fatal(err)
	}
	agents, err := fleet.Dial(strings.Split(os.Args[1], ","), // etcd-1:2379,etcd-2:2379,etcd-3:2379
		fleet.Options{TLS: tls, Agents: vmplumb.Options{TLS: tls}, Prefix: os.Args[6]})
	if err != nil {
		log.Fatal(err)
	}
	defer agents.Close()

	placed, err := agents.SetUp(ctx, vmplumb.CNI("vm-1", os.Args[5]), nil, nil)
	var full *fleet.NoAgent
	switch {
	case errors.As(err, &full):
		log.Fatalf("no room; asked were %v", full.Tried)
	case err != nil:
		log.Fatal(err)
	}
	fmt.Printf("at %s: boot with ip=%s\n", placed.Agent.Id, placed.Result.IpBootParam)

	if _, err := agents.TearDown(ctx, &vmplumbv1.TeardownNetworkRequest{VmId: "vm-1"}, nil); err != nil {
		log.Fatal(err)
	}
}
