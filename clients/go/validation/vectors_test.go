package validation_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/validation"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func TestEveryVectorBreaksTheSameRulesHere(t *testing.T) {
	path := os.Getenv("VMPLUMB_TEST_VECTORS")
	if path == "" {
		path = "../../../tests/contract_rules/vectors.json"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Message string
		Want        []string
		Fields      []string // of some vectors: where
		JSON        json.RawMessage
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 30 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, vector := range vectors {
		t.Run(vector.ID, func(t *testing.T) {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("vmplumb.v1." + vector.Message))
			if err != nil {
				t.Fatal(err)
			}
			request := kind.New().Interface()
			if err := protojson.Unmarshal(vector.JSON, request); err != nil {
				t.Fatal(err)
			}
			var got, fields []string
			err = validation.Check(request)
			var refused *vmplumb.Error
			if errors.As(err, &refused) {
				if !errors.Is(err, reason.InvalidRequest) {
					t.Errorf("reason %s", refused.Reason)
				}
				for _, one := range refused.Violations {
					got, fields = append(got, one.Rule), append(fields, one.Field)
					if one.Message == "" {
						t.Errorf("%s without a message", one.Rule)
					}
				}
			} else if err != nil {
				t.Fatal(err)
			}
			for _, words := range [][]string{got, fields, vector.Want, vector.Fields} {
				slices.Sort(words)
			}
			if vector.Fields != nil && !slices.Equal(fields, vector.Fields) {
				t.Errorf("in %v, want %v", fields, vector.Fields)
			}
			if !slices.Equal(got, vector.Want) {
				t.Errorf("broke %v, want %v", got, vector.Want)
			}
		})
	}
}

func TestCNIArgsHaveABoundInAll(t *testing.T) {
	for size, want := range map[int]bool{65536: false, 65537: true} {
		request := vmplumb.CNI("vm-1", "n")
		cni := request.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration
		for _, length := range []int{30000, size - 30000 - len("K=;K=")} {
			cni.Args = append(cni.Args, &vmplumbv1.CNIArg{Key: "K", Value: strings.Repeat("x", length)})
		}
		if err := validation.Check(request); (err != nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
