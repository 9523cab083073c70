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

// prologue is the statement that sets up the transaction, written into p. The
// settings of the role come before the role: setting them may need a right that
// the login has and the role has not. planMode is a plan_cache_mode, or empty.
func (j *job) prologue(p *settings, readOnly bool, planMode string) sqlgen.Statement {
	p.sql, p.args, p.values = append(p.sql[:0], "SELECT "...), p.args[:0], p.values[:0]
	p.set("search_path", j.searchPath())
	p.setAll(j.snapshot.Role(j.caller.Role).Settings)
	p.set("role", j.caller.Role)
	p.set("request.jwt.claims", j.caller.Claims)
	if name := identity.CallFrom(j.http.Context()).ApplicationName(); name != "" {
		p.set("application_name", name)
	}
	uses := j.snapshot.Uses
	if uses.Method {
		p.set("request.method", j.http.Method)
	}
	if uses.Path {
		p.set("request.path", j.path())
	}
	if uses.Headers {
		p.set("request.headers", headersJSON(j.http))
	}
	if uses.Cookies {
		p.set("request.cookies", cookiesJSON(j.http))
	}
	if tz := j.request.Prefer.Timezone; tz != "" {
		p.set("timezone", tz)
	}
	if j.plan.Call != nil {
		p.setAll(j.plan.Call.Function.Settings)
	}
	p.setAll(j.options.AppSettings)
	if planMode != "" {
		p.constant("plan_cache_mode", planMode)
	}
	if readOnly {
		p.constant("transaction_read_only", "on")
	}
	return sqlgen.Statement{SQL: j.prologues.of(p.sql), Args: p.args}
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

func (j *job) searchPath() string {
	if len(j.options.ExtraSearchPath) == 0 {
		return quote.Identifier(j.request.Schema)
	}
	return quote.Identifiers(append([]string{j.request.Schema}, j.options.ExtraSearchPath...))
}

func (j *job) path() string {
	switch {
	case j.target.Path != "":
		return j.target.Path
	case j.target.Kind == request.Function:
		return "/rpc/" + j.target.Name
	}
	return "/" + j.target.Name
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

// isolation is the level that the role or the function asks for; a function's
// comes first.
func (j *job) isolation() string {
	if j.plan.Call != nil && j.plan.Call.Function.Isolation != "" {
		return j.plan.Call.Function.Isolation
	}
	return j.snapshot.Role(j.caller.Role).Isolation
}

// begin is the BEGIN of an explicit transaction. The level is one of a closed
// set, so that nothing of a setting's text reaches the SQL.
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
