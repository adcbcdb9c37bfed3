package vmplumb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// goer ends a set-up's first stream with an error, and has the result for who comes back for it.
type goer struct {
	vmplumbv1.UnimplementedNetworkAgentServiceServer
	end error
}

func (g goer) SetupNetwork(request *vmplumbv1.SetupNetworkRequest, stream vmplumbv1.NetworkAgentService_SetupNetworkServer) error {
	if request.GetResume().GetSequence() == 1 {
		return stream.Send(&vmplumbv1.SetupNetworkResponse{Uid: "a", Sequence: 2, Event: &vmplumbv1.SetupNetworkResponse_Result{
			Result: &vmplumbv1.SetupResult{IpBootParam: "of a"}}})
	}
	progress := &vmplumbv1.SetupNetworkResponse_Progress{Progress: &vmplumbv1.Progress{}}
	if err := stream.Send(&vmplumbv1.SetupNetworkResponse{Uid: "a", Sequence: 1, Event: progress}); err != nil {
		return err
	}
	return g.end
}

func TestWhatAServerThatGoesHasCancelledIsTakenUpAgain(t *testing.T) {
	client := served(t, goer{end: status.Error(codes.Canceled, "")}, vmplumb.Retry{First: time.Millisecond})
	result, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("vm-1", "n"), nil)
	if result.GetIpBootParam() != "of a" {
		t.Errorf("%v, %v", result, err)
	}
}

func TestNoTryComesBeforeTheAgentsHint(t *testing.T) {
	const hint = 80 * time.Millisecond
	later, err := status.New(codes.Unavailable, "").WithDetails(
		&errdetails.ErrorInfo{Domain: "vmplumb.v1", Reason: string(reason.AgentNotReady)},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(hint)},
	)
	if err != nil {
		t.Fatal(err)
	}
	client := served(t, goer{end: later.Err()}, vmplumb.Retry{First: time.Millisecond, Most: hint})
	start := time.Now()
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("vm-1", "n"), nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < hint {
		t.Errorf("again after %s", took)
	}
}

func TestAClosedClientTriesNothingAgain(t *testing.T) {
	client := served(t, goer{}, vmplumb.Retry{First: time.Hour, Most: time.Hour})
	client.Close()
	_, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("vm-1", "n"), nil)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
