// Package validation judges a request by the contract's rules before it is sent, as the agent will. It is
// a module of its own, since protovalidate brings a CEL interpreter.
package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

const argsMaxBytes = 64 << 10

// Check returns nil, or an [*vmplumb.Error] with reason.InvalidRequest and every rule the request violates:
// the same fields and rule ids as the agent's answer. An agent may refuse for more: what only the host can tell.
func Check(request proto.Message) error {
	err := protovalidate.Validate(request)
	var broken *protovalidate.ValidationError
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	var found []vmplumb.Violation
	if broken != nil {
		for _, one := range broken.Violations {
			found = append(found, vmplumb.Violation{
				Field:   protovalidate.FieldPathString(one.Proto.GetField()),
				Rule:    one.Proto.GetRuleId(),
				Message: one.Proto.GetMessage(),
			})
		}
	}
	if setUp, ok := request.(*vmplumbv1.SetupNetworkRequest); ok {
		found = append(found, beyondCEL(setUp)...)
	}
	if len(found) == 0 {
		return nil
	}
	message := fmt.Sprintf("%s: %s", found[0].Field, found[0].Message)
	return &vmplumb.Error{
		Code: codes.InvalidArgument, Reason: reason.InvalidRequest, Message: message, Violations: found,
	}
}

// beyondCEL judges the rules that the contract states in words, since CEL can neither add up nor read JSON.
func beyondCEL(request *vmplumbv1.SetupNetworkRequest) (found []vmplumb.Violation) {
	for index, one := range request.GetSpec().GetNetworkInterfaces().GetInterfaces() {
		cni := one.GetCniConfiguration()
		place := fmt.Sprintf("spec.network_interfaces.interfaces[%d].cni_configuration.", index)
		size := -len(";")
		for _, arg := range cni.GetArgs() {
			size += len(arg.Key) + len("=") + len(arg.Value) + len(";")
		}
		if size > argsMaxBytes {
			words := fmt.Sprintf("args must be at most %d bytes as CNI_ARGS, and are %d", argsMaxBytes, size)
			found = append(found, vmplumb.Violation{
				Field: place + "args", Rule: "cni_configuration.args_size", Message: words,
			})
		}
		if text := cni.GetCapabilityArgs(); len(text) > 0 && !isJSONObject(text) {
			found = append(found, vmplumb.Violation{
				Field: place + "capability_args", Rule: "cni_configuration.capability_args",
				Message: "capability_args must be a JSON object in UTF-8",
			})
		}
	}
	return found
}

func isJSONObject(text []byte) bool {
	return utf8.Valid(text) && json.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
}
