package fcsdk

import (
	"os/exec"
	"testing"

	"github.com/firecracker-microvm/firecracker-go-sdk"
)

func TestAnSDKWithOtherInsidesIsRefused(t *testing.T) {
	m := &firecracker.Machine{}
	if _, err := private[[]func() error](m, "cleanups"); err == nil {
		t.Error("a field that is not there was found")
	}
	if _, err := private[[]func()](m, "cleanupFuncs"); err == nil {
		t.Error("a field of another type was taken")
	}
	if _, err := private[*exec.Cmd](m, "cmd"); err != nil {
		t.Error(err)
	}
}
