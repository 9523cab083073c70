package rest

import "time"

// Time is a point in time as answers spell it: ISO 8601, UTC, milliseconds,
// microseconds cut off.
type Time time.Time

// MarshalJSON returns a quoted "2006-01-02T15:04:05.000Z".
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.String() + `"`), nil
}

// String returns the text without quotes.
func (t Time) String() string {
	return time.Time(t).UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

// UnmarshalJSON reads what MarshalJSON writes, and any other RFC 3339 time.
func (t *Time) UnmarshalJSON(text []byte) error { return (*time.Time)(t).UnmarshalJSON(text) }
