package engine

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// prologue is the statement that sets up the transaction. The settings of
// the role come before the role: setting them may need a right that the login
// has and the role has not. planMode is a plan_cache_mode, or empty.
func (j *job) prologue(readOnly bool, planMode string) sqlgen.Statement {
	var b strings.Builder
	args := make([][]byte, 0, 8)
	set := func(name, value string) {
		if len(args) > 0 {
			b.WriteString(", ")
		}
		args = append(args, []byte(value))
		b.WriteString("set_config('" + name + "', $" + strconv.Itoa(len(args)) + ", true)")
	}
	dynamic := func(s schema.Setting) {
		b.WriteString(", set_config($" + strconv.Itoa(len(args)+1) + ", $" + strconv.Itoa(len(args)+2) + ", true)")
		args = append(args, []byte(s.Name), []byte(s.Value))
	}
	b.Grow(256)
	b.WriteString("SELECT ")
	set("search_path", j.searchPath())
	for _, s := range j.snapshot.Role(j.caller.Role).Settings {
		dynamic(s)
	}
	set("role", j.caller.Role)
	set("request.jwt.claims", j.caller.Claims)
	if name := identity.CallFrom(j.http.Context()).ApplicationName(); name != "" {
		set("application_name", name)
	}
	uses := j.snapshot.Uses
	if uses.Method {
		set("request.method", j.http.Method)
	}
	if uses.Path {
		set("request.path", j.path())
	}
	if uses.Headers {
		set("request.headers", headersJSON(j.http))
	}
	if uses.Cookies {
		set("request.cookies", cookiesJSON(j.http))
	}
	if tz := j.request.Prefer.Timezone; tz != "" {
		set("timezone", tz)
	}
	if j.plan.Call != nil {
		for _, s := range j.plan.Call.Function.Settings {
			dynamic(s)
		}
	}
	for _, s := range j.options.AppSettings {
		dynamic(s)
	}
	if planMode != "" {
		set("plan_cache_mode", planMode)
	}
	if readOnly {
		set("transaction_read_only", "on")
	}
	return sqlgen.Statement{SQL: b.String(), Args: args}
}

func (j *job) searchPath() string {
	quoted := make([]string, 0, 1+len(j.options.ExtraSearchPath))
	for _, s := range append([]string{j.request.Schema}, j.options.ExtraSearchPath...) {
		quoted = append(quoted, quote(s))
	}
	return strings.Join(quoted, ", ")
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

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
