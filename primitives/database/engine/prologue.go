package engine

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

// prologue is the statement that sets up the transaction, written into to. The
// settings of the role come before the role: setting them may need a right that
// the login has and the role lacks. planMode is a plan_cache_mode, or empty.
func (e *Engine) prologue(to *settings, in *incoming, p *planned, readOnly bool, planMode string) sqlgen.Statement {
	to.sql, to.args, to.values = append(to.sql[:0], "SELECT "...), to.args[:0], to.values[:0]
	to.set("search_path", e.searchPath(p.request.Schema))
	to.setAll(p.snapshot.Role(in.caller.Role).Settings)
	to.set("role", in.caller.Role)
	to.set("request.jwt.claims", in.caller.Claims)
	if name := identity.CallFrom(in.http.Context()).ApplicationName(); name != "" {
		to.set("application_name", name)
	}
	uses := p.snapshot.Uses
	if uses.Method {
		to.set("request.method", in.http.Method)
	}
	if uses.Path {
		to.set("request.path", pathOf(&in.target))
	}
	if uses.Headers {
		to.set("request.headers", headersJSON(in.http))
	}
	if uses.Cookies {
		to.set("request.cookies", cookiesJSON(in.http))
	}
	if tz := p.request.Prefer.Timezone; tz != "" {
		to.set("timezone", tz)
	}
	if p.plan.Call != nil {
		to.setAll(p.plan.Call.Function.Settings)
	}
	to.setAll(e.options.AppSettings)
	if planMode != "" {
		to.constant("plan_cache_mode", planMode)
	}
	if readOnly {
		to.constant("transaction_read_only", "on")
	}
	return sqlgen.Statement{SQL: e.prologues.of(to.sql), Args: to.args}
}

// settings is a statement of set_config calls being written. Its memory can be
// used again when the statement was sent.
type settings struct {
	sql    []byte
	args   [][]byte
	values []byte // memory of args
}

// set adds a setting of the transaction whose name is one of ours.
func (p *settings) set(name, value string) {
	p.begin()
	p.sql = append(append(append(p.sql, '\''), name...), '\'')
	p.value(value)
}

// constant adds a setting of the transaction, both words of ours: the text of
// the statement says it at no cost.
func (p *settings) constant(name, value string) {
	p.begin()
	p.sql = append(append(append(append(append(p.sql, '\''), name...), "', '"...), value...), "', true)"...)
}

// setAll adds settings with names from elsewhere.
func (p *settings) setAll(all []schema.Setting) {
	for _, s := range all {
		p.begin()
		p.parameter(s.Name)
		p.value(s.Value)
	}
}

func (p *settings) begin() {
	if len(p.args) > 0 {
		p.sql = append(p.sql, ", "...)
	}
	p.sql = append(p.sql, "set_config("...)
}

func (p *settings) value(value string) {
	p.sql = append(p.sql, ", "...)
	p.parameter(value)
	p.sql = append(p.sql, ", true)"...)
}

func (p *settings) parameter(value string) {
	at := len(p.values)
	p.values = append(p.values, value...) // may move; what was cut off before stays
	p.args = append(p.args, p.values[at:len(p.values):len(p.values)])
	p.sql = strconv.AppendInt(append(p.sql, '$'), int64(len(p.args)), 10)
}

// maxTexts bounds the texts that are kept.
const maxTexts = 200

// texts makes strings of bytes that are often the same.
type texts struct {
	mu  sync.RWMutex
	all map[string]string
}

func (t *texts) of(b []byte) string {
	t.mu.RLock()
	s, ok := t.all[string(b)]
	t.mu.RUnlock()
	if ok {
		return s
	}
	s = string(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || len(t.all) >= maxTexts {
		t.all = map[string]string{}
	}
	t.all[s] = s
	return s
}

func (e *Engine) searchPath(first string) string {
	if len(e.options.ExtraSearchPath) == 0 {
		return quote.Identifier(first)
	}
	quoted := make([]string, 0, 1+len(e.options.ExtraSearchPath))
	for _, s := range append([]string{first}, e.options.ExtraSearchPath...) {
		quoted = append(quoted, quote.Identifier(s))
	}
	return strings.Join(quoted, ", ")
}

// pathOf is what SQL sees as request.path.
func pathOf(t *Target) string {
	switch {
	case t.Path != "":
		return t.Path
	case t.Kind == request.Function:
		return "/rpc/" + t.Name
	}
	return "/" + t.Name
}

func headersJSON(r *http.Request) string {
	all := make(map[string]string, len(r.Header)+1)
	for name, values := range r.Header {
		if name == "Cookie" {
			continue
		}
		all[strings.ToLower(name)] = values[len(values)-1]
	}
	if r.Host != "" {
		all["host"] = r.Host
	}
	return encode(all)
}

func cookiesJSON(r *http.Request) string {
	all := map[string]string{}
	for _, c := range r.Cookies() {
		all[c.Name] = c.Value
	}
	return encode(all)
}

func encode(all map[string]string) string {
	text, err := json.Marshal(all)
	if err != nil { // maps of strings encode
		panic("engine: settings do not encode: " + err.Error())
	}
	return string(text)
}

// isolationOf is the level that the role or the function asks for; a function's
// comes first.
func isolationOf(in *incoming, p *planned) string {
	if p.plan.Call != nil && p.plan.Call.Function.Isolation != "" {
		return p.plan.Call.Function.Isolation
	}
	return p.snapshot.Role(in.caller.Role).Isolation
}

// begin is the BEGIN of an explicit transaction. The level is one of a closed
// set, so that no part of a setting's text reaches the SQL.
func begin(isolation string, readOnly bool) string {
	sql := "BEGIN ISOLATION LEVEL "
	switch isolation {
	case "REPEATABLE READ", "SERIALIZABLE":
		sql += isolation
	default:
		sql += "READ COMMITTED"
	}
	if readOnly {
		return sql + " READ ONLY"
	}
	return sql + " READ WRITE"
}
