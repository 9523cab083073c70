package respond

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
)

// KeyValue is one column of a primary key; Null is is.null.
type KeyValue struct {
	Column, Value string
	Null          bool
}

// Result is the outcome of a plan.
type Result struct {
	// Rows is the number of rows read or changed.
	Rows int64
	// Total is the number of rows without the range, -1 when not counted.
	Total int64
	// Body is the finished body; nil without one.
	Body *spool.Spool
	// Location is the primary key of the one row that was inserted.
	Location []KeyValue
	// Inserted is how many rows an upsert inserted.
	Inserted int64
	// Headers and Status are response.headers and response.status as SQL set
	// them, empty when it did not.
	Headers, Status string
}

// ContentRange formats the Content-Range of rows first to last, zero-based
// and inclusive; total is -1 when it was not counted.
func ContentRange(first, last, total int64) string {
	span := "*"
	if total != 0 && first <= last {
		span = strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10)
	}
	if total < 0 {
		return span + "/*"
	}
	return span + "/" + strconv.FormatInt(total, 10)
}

// answer is a response being put together.
type answer struct {
	verbosity Verbosity
	status    int
	header    header
	body      *spool.Spool
	// own are the headers that SQL set; they come first.
	own http.Header
	// text replaces body.
	text []byte
}

// header are header fields with names in canonical form, each once.
type header []struct{ name, value string }

func (h *header) set(name, value string) {
	*h = append(*h, struct{ name, value string }{name, value})
}

// addTo adds the fields to an answer's header. Their values share memory:
// there is one allocation for all of them.
func (h header) addTo(to http.Header) {
	values := make([]string, len(h))
	for i, f := range h {
		values[i] = f.value
		to[f.name] = values[i : i+1 : i+1]
	}
}

// Write sends the answer for p. The error is a *request.Error when SQL set
// response.headers or response.status to something that cannot be sent;
// nothing was written then.
func (v Verbosity) Write(w http.ResponseWriter, r *request.Request, p *plan.Plan, res *Result) error {
	a := answer{verbosity: v, status: http.StatusOK, header: make(header, 0, 8), body: res.Body}
	switch {
	case p.Media.Media == request.Plan:
		a.content(r, p)
	case r.Kind == request.Read:
		a.read(r, p, res)
	case r.Kind == request.Call:
		a.call(r, p, res)
	case r.Kind == request.Create:
		a.create(r, p, res)
	case r.Kind == request.Upsert:
		a.put(r, p, res)
	default:
		a.change(r, p, res)
	}
	if err := a.override(res); err != nil {
		return err
	}
	a.send(w, r)
	return nil
}

func (a *answer) content(r *request.Request, p *plan.Plan) {
	a.header.set("Content-Type", p.Media.ContentType())
	if r.Negotiated {
		a.header.set("Content-Profile", r.Schema)
	}
}

// window sets status and Content-Range of rows that were read.
func (a *answer) window(r *request.Request, res *Result) {
	first := r.Range.First
	last := first + res.Rows - 1
	if res.Total >= 0 && res.Rows > 0 {
		// Rows may have come between the count and the read.
		res.Total = max(res.Total, last+1)
	}
	a.header.set("Content-Range", ContentRange(first, last, res.Total))
	switch {
	case res.Total < 0:
	case first > res.Total:
		a.status = http.StatusRequestedRangeNotSatisfiable
		a.text = a.verbosity.ErrorBody(request.RangeOutOfBounds(first, res.Total))
	case 1+last-first < res.Total:
		a.status = http.StatusPartialContent
	}
}

func (a *answer) read(r *request.Request, p *plan.Plan, res *Result) {
	a.window(r, res)
	location := "/" + r.Target.Name
	if r.Query.Canonical != "" {
		location += "?" + r.Query.Canonical
	}
	a.header.set("Content-Location", location)
	a.content(r, p)
	a.applied(r, applied{count: true})
}

func (a *answer) call(r *request.Request, p *plan.Plan, res *Result) {
	a.window(r, res)
	a.applied(r, applied{singleObject: true, count: true, maxAffected: true})
	if p.Call.Function.Void() {
		a.status, a.body, a.text = http.StatusNoContent, nil, nil
		return
	}
	a.content(r, p)
}

func (a *answer) create(r *request.Request, p *plan.Plan, res *Result) {
	a.status = http.StatusCreated
	if r.Prefer.Resolution == "merge-duplicates" && res.Inserted <= 0 && p.Mutation.CountsInserts() {
		a.status = http.StatusOK
	}
	if len(res.Location) > 0 {
		a.header.set("Location", location(r.Target.Name, res.Location))
	}
	total := int64(-1)
	if counts(r) {
		total = res.Rows
	}
	a.header.set("Content-Range", ContentRange(1, 0, total))
	a.applied(r, applied{
		resolution:     len(p.Mutation.PK) > 0 || r.Query.OnConflict != nil,
		representation: true, count: true, missing: true,
	})
	a.representation(r, p, a.status)
	if !r.Prefer.Full() && a.body != nil { // the mount's substitute for an empty answer
		a.header.set("Content-Type", "application/json; charset=utf-8")
	}
}

func location(name string, key []KeyValue) string {
	var b strings.Builder
	b.WriteString("/" + name + "?")
	for i, k := range key {
		if i > 0 {
			b.WriteByte('&')
		}
		value := "eq." + k.Value
		if k.Null {
			value = "is.null"
		}
		request.Escape(&b, k.Column)
		b.WriteByte('=')
		request.Escape(&b, value)
	}
	return b.String()
}

func (a *answer) put(r *request.Request, p *plan.Plan, res *Result) {
	a.applied(r, applied{representation: true, count: true})
	status := http.StatusOK
	if res.Inserted > 0 {
		status = http.StatusCreated
	}
	a.representation(r, p, status)
	if !r.Prefer.Full() {
		a.status, a.body = http.StatusNoContent, nil
	}
}

// change answers updates and deletes.
func (a *answer) change(r *request.Request, p *plan.Plan, res *Result) {
	total := int64(-1)
	if counts(r) {
		total = res.Rows
	}
	first, last := int64(0), res.Rows-1
	if r.Kind == request.Delete {
		first, last = 1, 0
	}
	a.header.set("Content-Range", ContentRange(first, last, total))
	a.applied(r, applied{representation: true, count: true, missing: r.Kind == request.Update, maxAffected: true})
	a.representation(r, p, http.StatusOK)
	if !r.Prefer.Full() {
		a.status, a.body = http.StatusNoContent, nil
	}
}

func (a *answer) representation(r *request.Request, p *plan.Plan, status int) {
	a.status = status
	if r.Prefer.Full() {
		a.content(r, p)
	}
}

func counts(r *request.Request) bool {
	return r.Prefer.Count == "exact" || r.Prefer.Count == "estimated"
}

// applied says which preferences an answer may claim to have applied.
type applied struct{ resolution, missing, representation, singleObject, count, maxAffected bool }

func (a *answer) applied(r *request.Request, which applied) {
	p := &r.Prefer
	var all []string
	add := func(ok bool, name, value string) {
		if ok && value != "" {
			all = append(all, name+"="+value)
		}
	}
	add(which.resolution, "resolution", p.Resolution)
	add(which.missing, "missing", p.Missing)
	add(which.representation, "return", p.Representation)
	if which.singleObject && p.SingleObject {
		all = append(all, "params=single-object")
	}
	add(which.count, "count", p.Count)
	add(true, "tx", p.Transaction)
	add(true, "handling", p.Handling)
	add(true, "timezone", p.Timezone)
	if p.HasMaxAffected && p.Strict() {
		add(which.maxAffected, "max-affected", strconv.FormatInt(p.MaxAffected, 10))
	}
	if len(all) > 0 {
		a.header.set("Preference-Applied", strings.Join(all, ", "))
	}
}

// override applies what SQL set as response.status and response.headers.
func (a *answer) override(res *Result) error {
	if res.Status != "" {
		n, err := strconv.Atoi(res.Status)
		if err != nil || n < 200 || n > 599 {
			return request.NewError(http.StatusInternalServerError, "PGRST112", "response.status guc must be a valid status code")
		}
		a.status = n
	}
	if res.Headers == "" {
		return nil
	}
	bad := request.NewError(http.StatusInternalServerError, "PGRST111",
		"response.headers guc must be a JSON array composed of objects with a single key and a string value")
	var list []map[string]string
	if err := json.Unmarshal([]byte(res.Headers), &list); err != nil {
		return bad
	}
	own := http.Header{}
	for _, one := range list {
		if len(one) != 1 {
			return bad
		}
		for name, value := range one {
			own.Add(name, value)
		}
	}
	a.own = own
	return nil
}

func (a *answer) send(w http.ResponseWriter, r *request.Request) {
	hasBody := a.status != http.StatusNoContent && a.status != http.StatusNotModified
	length := int64(len(a.text))
	if a.text == nil && a.body != nil {
		length = a.body.Len()
	}
	if hasBody && !r.HeadersOnly {
		a.header.set("Content-Length", strconv.FormatInt(length, 10))
	}
	h := w.Header()
	a.header.addTo(h)
	for name, values := range a.own {
		if name != "Content-Length" {
			h[name] = values
		}
	}
	w.WriteHeader(a.status)
	switch {
	case !hasBody || r.HeadersOnly:
	case a.text != nil:
		_, _ = w.Write(a.text) // the client went away
	case a.body != nil:
		_, _ = a.body.WriteTo(w) // likewise
	}
}
