package request

import (
	"net/http"
	"strconv"
	"strings"
)

// Preferences are what the Prefer headers ask for. An empty text means that
// the preference was not given. RFC 7240.
type Preferences struct {
	Resolution     string // merge-duplicates, ignore-duplicates
	Representation string // representation, minimal, headers-only
	SingleObject   bool   // params=single-object
	Count          string // exact, planned, estimated
	Transaction    string // commit, rollback
	Missing        string // default, null
	Handling       string // strict, lenient
	Timezone       string
	MaxAffected    int64
	HasMaxAffected bool
	// Invalid are the preferences that mean nothing here.
	Invalid []string
}

// Strict reports whether preferences that cannot be met are errors.
func (p *Preferences) Strict() bool { return p.Handling == "strict" }

// Full reports whether the changed rows are to be returned.
func (p *Preferences) Full() bool { return p.Representation == "representation" }

// parsePreferences reads the headers; the first of several values counts. tx
// is heeded only where overriding is allowed; a time zone must be one that
// isTimezone knows.
func parsePreferences(h http.Header, allowTx bool, isTimezone func(string) bool) Preferences {
	var p Preferences
	for _, line := range h.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			p.add(strings.TrimSpace(part), allowTx, isTimezone)
		}
	}
	return p
}

func (p *Preferences) add(pref string, allowTx bool, isTimezone func(string) bool) {
	key, value, _ := strings.Cut(pref, "=")
	var to *string
	switch pref {
	case "resolution=merge-duplicates", "resolution=ignore-duplicates":
		to = &p.Resolution
	case "return=representation", "return=minimal", "return=headers-only":
		to = &p.Representation
	case "count=exact", "count=planned", "count=estimated":
		to = &p.Count
	case "missing=default", "missing=null":
		to = &p.Missing
	case "handling=strict", "handling=lenient":
		to = &p.Handling
	case "params=single-object":
		p.SingleObject = true
		return
	case "tx=commit", "tx=rollback":
		if !allowTx {
			return
		}
		to = &p.Transaction
	}
	switch {
	case to != nil:
	case key == "timezone" && isTimezone != nil && isTimezone(value):
		to = &p.Timezone
	case key == "max-affected":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && !p.HasMaxAffected {
			p.MaxAffected, p.HasMaxAffected = n, true
		}
		return
	default:
		p.Invalid = append(p.Invalid, pref)
		return
	}
	if *to == "" {
		*to = value
	}
}

// CheckStrict is PGRST122 when handling=strict and something was not
// understood, else nil.
func (p *Preferences) CheckStrict() *Error {
	if !p.Strict() || len(p.Invalid) == 0 {
		return nil
	}
	return NewError(http.StatusBadRequest, "PGRST122", "Invalid preferences given with handling=strict").
		WithDetails("Invalid preferences: " + strings.Join(p.Invalid, ", "))
}
