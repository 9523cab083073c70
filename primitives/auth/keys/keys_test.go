package keys_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/keys"
)

func TestGeneratedKeysAreThePrefixAnd64HexDigits(t *testing.T) {
	t.Parallel()
	for kind, form := range map[keys.Kind]string{keys.API: `^ik_[0-9a-f]{64}$`, keys.Anon: `^anon_[0-9a-f]{64}$`} {
		first, second := kind.Generate(), kind.Generate()
		if !regexp.MustCompile(form).MatchString(first) || first == second {
			t.Errorf("got %q and %q, want two of form %s", first, second, form)
		}
	}
}

func TestConfiguredKeyGetsItsPrefix(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"":              "",
		"  \t":          "",
		"anon_":         "",
		" secret\n":     "anon_secret",
		"anon_secret":   "anon_secret",
		" anon_secret ": "anon_secret",
	} {
		if got := keys.Anon.Configured(setting); got != want {
			t.Errorf("%q: got %q, want %q", setting, got, want)
		}
	}
}

func TestRingKnowsItsKeysUntilTheyExpire(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var ring keys.Ring
	if ring.Has("", now) {
		t.Error("an empty ring has the empty key")
	}
	ring.Add("ik_current", time.Time{})
	ring.Add("ik_old", now.Add(time.Hour))
	for _, tc := range []struct {
		key  string
		at   time.Time
		want bool
	}{
		{"ik_current", now, true},
		{"ik_current", now.AddDate(50, 0, 0), true},
		{"ik_old", now.Add(time.Hour - 1), true},
		{"ik_old", now.Add(time.Hour), false},
		{"ik_curren", now, false},
		{"ik_current ", now, false},
		{"IK_CURRENT", now, false},
		{"", now, false},
	} {
		if got := ring.Has(tc.key, tc.at); got != tc.want {
			t.Errorf("%q at %v: got %t, want %t", tc.key, tc.at, got, tc.want)
		}
	}
}
