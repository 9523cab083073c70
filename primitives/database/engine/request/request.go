package request

import (
	"net/http"
	"slices"
	"strings"
)

// Kind is what the caller wants done.
type Kind uint8

// The kinds of requests.
const (
	Read    Kind = iota // GET, HEAD on a table
	Create              // POST
	Update              // PATCH
	Upsert              // PUT
	Delete              // DELETE
	Call                // function
	Info                // OPTIONS
	Inspect             // the root: OpenAPI
)

// TargetKind is what a path names.
type TargetKind uint8

// The kinds of targets.
const (
	Table TargetKind = iota
	Function
	Root
)

// Target is what the path of a request names.
type Target struct {
	Kind TargetKind
	Name string
}

// Options are the settings that parsing depends on.
type Options struct {
	// Schemas are the exposed schemas; the first is the default.
	Schemas []string
	// Profile is the schema that the mount has chosen already; it overrides
	// the profile headers.
	Profile string
	// AllowTx heeds Prefer: tx=.
	AllowTx bool
	// IsTimezone reports whether Postgres knows a time zone.
	IsTimezone func(string) bool
	// DefaultContentType is assumed for a body without Content-Type.
	DefaultContentType Media
}

// Request is what the caller said.
type Request struct {
	Method string
	Kind   Kind
	Target Target
	// HeadersOnly is true for HEAD.
	HeadersOnly bool
	// ReadCall is true for a function called by GET or HEAD.
	ReadCall bool
	Schema   string
	// Negotiated reports whether the answer names its schema in Content-Profile.
	Negotiated bool
	Query      Query
	Range      Range
	Prefer     Preferences
	Accept     []MediaType
	Content    MediaType
	Payload    Payload
}

// Parse reads everything but the body. Errors are PGRST100, 101, 103, 106,
// 109, 114 and 117.
func Parse(method, rawQuery string, h http.Header, t Target, o Options) (*Request, error) {
	r := &Request{Method: method, Target: t, HeadersOnly: method == http.MethodHead}
	if err := r.chooseSchema(h, o); err != nil {
		return nil, err
	}
	if err := r.chooseKind(); err != nil {
		return nil, err
	}
	p, err := parseQuery(rawQuery, r.ReadCall)
	if err != nil {
		return nil, err
	}
	if err := r.setRanges(p, h); err != nil {
		return nil, err
	}
	r.Query = p.Query
	r.Prefer = parsePreferences(h, o.AllowTx, o.IsTimezone)
	r.Accept = parseAccept(strings.Join(h.Values("Accept"), ","))
	r.Content = MediaType{Media: o.DefaultContentType}
	if ct := h.Get("Content-Type"); ct != "" {
		r.Content = ParseMedia(ct)
	} else if o.DefaultContentType == "" {
		r.Content.Media = JSON
	}
	return r, nil
}

func (r *Request) chooseSchema(h http.Header, o Options) *Error {
	profile := o.Profile
	if profile == "" {
		name := "Accept-Profile"
		switch r.Method {
		case http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete:
			name = "Content-Profile"
		}
		profile = h.Get(name)
	}
	if profile == "" {
		r.Schema, r.Negotiated = o.Schemas[0], len(o.Schemas) != 1
		return nil
	}
	if !slices.Contains(o.Schemas, profile) {
		return unacceptableSchema(o.Schemas)
	}
	r.Schema, r.Negotiated = profile, true
	return nil
}

func (r *Request) chooseKind() *Error {
	switch r.Target.Kind {
	case Root:
		return r.rootKind()
	case Function:
		return r.functionKind()
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		r.Kind = Read
	case http.MethodPost:
		r.Kind = Create
	case http.MethodPatch:
		r.Kind = Update
	case http.MethodPut:
		r.Kind = Upsert
	case http.MethodDelete:
		r.Kind = Delete
	case http.MethodOptions:
		r.Kind = Info
	default:
		return unsupportedMethod(r.Method)
	}
	return nil
}

func (r *Request) rootKind() *Error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		r.Kind = Inspect
	case http.MethodOptions:
		r.Kind = Info
	default:
		return unsupportedMethod(r.Method)
	}
	return nil
}

func (r *Request) functionKind() *Error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		r.Kind, r.ReadCall = Call, true
	case http.MethodPost:
		r.Kind = Call
	case http.MethodOptions:
		r.Kind, r.ReadCall = Info, true
	default:
		return NewError(http.StatusMethodNotAllowed, "PGRST101", "Cannot use the "+r.Method+" method on RPC")
	}
	return nil
}
