package rest_test

import (
	"errors"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func TestHalfOfASurrogatePairIsNoText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{}`: "", `""`: "", `"\"`: "", `"\u12`: "", `"\ud83d\ude00\u00e9"`: "", `"\\ud800"`: "", `"\\\\ud800\n"`: "", `"\uD83D\uDE00"`: "",
		`"\ud800"`: `\ud800`, `"\uDFFF"`: `\uDFFF`, `"\ude00\ud83d"`: `\ude00`, `"\ud83dx\ude00"`: `\ud83d`, `"\ud83d\ud83d\ude00"`: `\ud83d`,
		`"\\\ud800"`: `\ud800`, `{"\ud800":1}`: `\ud800`, `"\ud83d\ude00\ud83d"`: `\ud83d`, `"\ud83d\u00e9"`: `\ud83d`,
	} {
		if got := rest.LoneSurrogate([]byte(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

func TestBodiesWithHalfOfASurrogatePairAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"b":"x","a":{"k":["\ud800"]}}`: `a: Invalid JSON: \ud800 is half of a character`,
		`{"\udc00":1}`:                   `: Invalid JSON: \udc00 is half of a character`,
	} {
		err := read(t, body, func(*rest.Fields) error { return nil })
		var f *fault.Error
		if !errors.As(err, &f) || f.Status != 400 || f.Code != fault.InvalidInput || f.Message != want {
			t.Errorf("%s: got %v, want 400 with %q", body, err, want)
		}
	}
}
