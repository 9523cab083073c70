package rest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func TestTimesAreUTCWithMillisecondsCutOff(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	for want, when := range map[string]time.Time{
		`"2026-01-02T01:04:05.678Z"`: time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, zone),
		`"2026-01-02T03:04:05.000Z"`: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		`"1969-12-31T23:59:59.999Z"`: time.UnixMicro(-1),
		`"0001-01-01T00:00:00.000Z"`: {},
	} {
		got, err := json.Marshal(rest.Time(when))
		if err != nil || string(got) != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
		var back rest.Time
		if err := json.Unmarshal(got, &back); err != nil || back.String() != rest.Time(when).String() {
			t.Errorf("got %s (%v) back from %s", back, err, got)
		}
	}
}
