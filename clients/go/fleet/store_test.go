package fleet

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAMemberThatCannotAnswerIsAwayAndOneThatRefusesIsNot(t *testing.T) {
	for err, want := range map[error]bool{
		status.Error(codes.Unavailable, "connection refused"): true,
		status.Error(codes.DeadlineExceeded, "late"):          true,
		context.DeadlineExceeded:                              true,
		rpctypes.ErrNoLeader:                                  true,
		rpctypes.ErrTimeoutDueToLeaderFail:                    true,
		fmt.Errorf("put: %w", rpctypes.ErrNoLeader):           true,
		rpctypes.ErrCompacted:                                 false,
		rpctypes.ErrPermissionDenied:                          false,
		status.Error(codes.Unauthenticated, "who are you"):    false,
		context.Canceled:                                      false,
		errors.New("a mistake"):                               false,
	} {
		if away(err) != want {
			t.Errorf("%v: away is not %t", err, want)
		}
	}
}
