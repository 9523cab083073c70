package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func TestAFaultKeepsItsCauseForTheLogOnly(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	f := fault.Internal(cause)
	if f.Status != 500 || f.Code != fault.InternalError || f.Message != "Internal server error" {
		t.Errorf("got %+v, want a 500 that gives nothing away", f)
	}
	if !errors.Is(f, cause) {
		t.Error("the cause is lost")
	}
	if got, want := f.Error(), "INTERNAL_ERROR: Internal server error: disk on fire"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHintsAndCausesLeaveTheOriginalAlone(t *testing.T) {
	t.Parallel()
	base := fault.Invalid("no")
	if got := base.Next("do").Because(errors.New("why")); got.NextActions != "do" || got.Err == nil || got.Message != "no" {
		t.Errorf("got %+v, want hint, cause and message", got)
	}
	if base.NextActions != "" || base.Err != nil {
		t.Errorf("got %+v, want the original unchanged", base)
	}
}

func TestIsFindsAWrappedFault(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("create: %w", fault.New(409, fault.AlreadyExists, "taken"))
	if !fault.Is(err, fault.AlreadyExists) || fault.Is(err, fault.NotFound) || fault.Is(errors.New("x"), fault.NotFound) || fault.Is(nil, fault.NotFound) {
		t.Error("codes are reported wrong")
	}
}
