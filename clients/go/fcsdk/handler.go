// Package fcsdk lets vmplumbd make the networks of a program that uses firecracker-go-sdk. The program changes one
// line, that of NewMachine:
//
//	m, err := firecracker.NewMachine(ctx, cfg, fcsdk.WithAgent("unix:///run/vmplumb/vmplumbd.sock"))
//
// What the SDK did in the program's own process, as root, the agent does then: namespace, CNI, undo, teardown.
// Everything else of the SDK stays as it is: validation, the "ip=" boot argument, Firecracker's API.
package fcsdk

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"time"

	"github.com/firecracker-microvm/firecracker-go-sdk"
	"google.golang.org/grpc"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// Patience bounds looking for a former life, and the teardown, which goes on that long while no agent answers.
const Patience = time.Minute

// WithAgent is an option for firecracker.NewMachine: the agent at that target (see vmplumb.Dial) makes the
// machine's network. It comes after WithSnapshot, which replaces all handlers. A target that cannot be used is
// an error of Machine.Start.
func WithAgent(target string, options ...vmplumb.Options) firecracker.Opt {
	return func(m *firecracker.Machine) {
		handler := SetupNetworkHandler(nil)
		handler.Fn = func(ctx context.Context, m *firecracker.Machine) error {
			client, err := vmplumb.Dial(target, append(options, vmplumb.Options{})[0])
			if err != nil {
				return err
			}
			return setUp(ctx, m, client, client.Close)
		}
		m.Handlers.FcInit = m.Handlers.FcInit.Swap(handler)
	}
}

// SetupNetworkHandler takes the place of firecracker.SetupNetworkHandler, by its name, for a client that is
// shared by many machines: m.Handlers.FcInit = m.Handlers.FcInit.Swap(fcsdk.SetupNetworkHandler(client)).
//
// As the SDK's own, it does nothing for a machine without a CNI interface; takes a former life of the VMID away;
// fills StaticConfiguration; and has the network taken back when the VMM ends, before Machine.Wait returns, or
// when Machine.Start fails. Unlike the SDK's own, it refuses a VMID whose former life still has a process; it
// tells a jailer of the namespace also where Config.NetNS was left empty; and a context that ends leaves
// nothing behind.
func SetupNetworkHandler(client *vmplumb.Client) firecracker.Handler {
	return firecracker.Handler{
		Name: firecracker.SetupNetworkHandlerName,
		Fn: func(ctx context.Context, m *firecracker.Machine) error {
			return setUp(ctx, m, client, func() error { return nil })
		},
	}
}

func setUp(ctx context.Context, m *firecracker.Machine, client *vmplumb.Client, end func() error) error {
	cni := slices.IndexFunc(m.Cfg.NetworkInterfaces, func(one firecracker.NetworkInterface) bool {
		return one.CNIConfiguration != nil
	})
	if cni < 0 {
		return end()
	}
	// Before any effect: an SDK without these could not be told of teardown and namespace.
	cleanups, err := private[[]func() error](m, "cleanupFuncs")
	if err != nil {
		return errors.Join(err, end())
	}
	command, err := private[*exec.Cmd](m, "cmd")
	if err != nil {
		return errors.Join(err, end())
	}
	request, err := Request(&m.Cfg)
	if err == nil {
		err = endFormerLife(ctx, client, m.Cfg.VMID)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("network of %s: %w", m.Cfg.VMID, err), end())
	}
	teardown := &vmplumbv1.TeardownNetworkRequest{VmId: m.Cfg.VMID}
	var others bool
	*cleanups = append(*cleanups, func() error {
		defer end()
		if others {
			return nil
		}
		// The context of Start may have ended, as it does when a program stops its VM.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience)
		defer cancel()
		if err := tearDown(ctx, client, teardown); err != nil {
			return fmt.Errorf("teardown of the network of %s: %w", teardown.VmId, err)
		}
		return nil
	})
	result, err := client.SetUp(ctx, request, func(event *vmplumbv1.SetupNetworkResponse) {
		teardown.Uid = event.Uid
		if failure := event.GetProgress().GetFailure(); failure != nil {
			m.Logger().Warnf("network: %s: %s", event.GetProgress().Step, failure.Message)
		}
	})
	// Then the VMID is somebody else's: what is there now must stay.
	others = errors.Is(err, reason.SpecConflict) || errors.Is(err, reason.OperationPending) || errors.Is(err, reason.TornDown)
	if err != nil {
		return fmt.Errorf("network of %s: %w", m.Cfg.VMID, err)
	}
	for _, warning := range result.Warnings {
		m.Logger().Warnf("network: %s: %s", warning.Reason, warning.Message)
	}
	made, err := StaticConfiguration(result.Interfaces[cni].StaticConfiguration)
	if err != nil {
		return fmt.Errorf("network of %s: %w", m.Cfg.VMID, err)
	}
	m.Cfg.NetworkInterfaces[cni].StaticConfiguration = made
	m.Cfg.NetNS = result.NetnsPath
	enter(*command, result.NetnsPath)
	return nil
}

// tearDown goes on while no agent answers, as during its upgrade: nobody else would take the network back.
func tearDown(ctx context.Context, client *vmplumb.Client, request *vmplumbv1.TeardownNetworkRequest) error {
	for {
		_, err := client.TearDown(ctx, request, nil)
		switch {
		case errors.Is(err, reason.UIDMismatch): // it is gone, and the id is another's
			return nil
		case !errors.Is(err, vmplumb.ErrUnreachable) && !errors.Is(err, reason.AgentNotReady):
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// endFormerLife takes away what a program that crashed has left under this id. A VM that still runs is left alone.
func endFormerLife(ctx context.Context, client *vmplumb.Client, vmID string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	request := &vmplumbv1.DescribeNetworkRequest{VmId: vmID}
	found, err := client.DescribeNetwork(ctx, request, grpc.WaitForReady(true))
	if errors.Is(err, reason.VMNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if holders := found.Holders; len(holders) > 0 {
		return fmt.Errorf("the VM runs: process %d (%s) holds %s", holders[0].Pid, holders[0].Command, holders[0].What)
	}
	_, err = client.TearDown(ctx, &vmplumbv1.TeardownNetworkRequest{VmId: vmID, Uid: found.Network.Uid}, nil)
	return err
}

// enter adds --netns to a jailer's command that has none: NewMachine makes the command before it chooses
// a namespace.
func enter(command *exec.Cmd, netns string) {
	if command == nil || netns == "" || !slices.Contains(command.Args, "--exec-file") || slices.Contains(command.Args, "--netns") {
		return
	}
	place := slices.Index(command.Args, "--") // what follows is Firecracker's own
	if place < 0 {
		place = len(command.Args)
	}
	command.Args = slices.Insert(command.Args, place, "--netns", netns)
}

// private gives a field that the SDK keeps to itself: it has no other door to its list of cleanups, without which
// a network would outlive a VMM that never started, or Wait return before it is gone.
func private[T any](m *firecracker.Machine, name string) (*T, error) {
	field := reflect.ValueOf(m).Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return nil, fmt.Errorf("this version of firecracker-go-sdk is not supported: Machine has no %s %s", name, reflect.TypeFor[T]())
	}
	return (*T)(field.Addr().UnsafePointer()), nil
}
