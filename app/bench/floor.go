package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// The floor is the least work that answers the requests of the benchmark over
// net/http: it looks the token up among those that it has checked, sends the
// role, the claims and the statement to Postgres in one write and one
// transaction, and writes the body that Postgres made. It plans, checks, limits
// and logs nothing.

// floorCommand is the argument with which the benchmark starts itself as the
// floor.
const floorCommand = "floor"

// floorConfig is what the floor reads from its standard input.
type floorConfig struct {
	// DSN is for a login that may take every role.
	DSN string
	// JWKS are the keys that tokens are signed with.
	JWKS json.RawMessage
}

// floorRoute is one kind of request that the floor answers.
type floorRoute struct {
	method, prefix string
	role           string // empty for the token's
	connections    int    // as many as the product uses at most
	// sql returns the body and the number of rows. values are its parameters.
	sql    string
	values func(r *http.Request, t *checkedToken) ([][]byte, error)
}

func floorRoutes() []floorRoute {
	const rows = " coalesce(json_agg(x), '[]'), count(*) FROM "
	reading, writing := max(2, 2*runtime.GOMAXPROCS(0)), 20
	return []floorRoute{
		{
			method: http.MethodGet, prefix: "/api/database/records/bench_items?category=eq.", connections: reading,
			sql:    "SELECT" + rows + "(SELECT * FROM public.bench_items WHERE category = $1 AND qty >= $2 ORDER BY created_at DESC LIMIT 20) x",
			values: fromQuery("category=eq.", "qty=gte."),
		}, {
			method: http.MethodGet, prefix: "/api/database/records/bench_items?id=eq.", connections: reading,
			sql:    "SELECT" + rows + "(SELECT * FROM public.bench_items WHERE id = $1) x",
			values: fromQuery("id=eq."),
		}, {
			method: http.MethodPost, prefix: "/api/database/records/bench_items", connections: writing,
			sql: `WITH x AS (INSERT INTO public.bench_items (name, category, price, qty)
				SELECT name, category, price, qty FROM json_to_record($1::json) AS r(name text, category text, price numeric, qty int) RETURNING *)
				SELECT` + rows + "x",
			values: func(r *http.Request, _ *checkedToken) ([][]byte, error) {
				body, err := io.ReadAll(r.Body)
				return [][]byte{body}, err
			},
		}, {
			method: http.MethodGet, prefix: currentPath, role: "project_admin", connections: writing,
			sql: `SELECT json_build_object('user', json_build_object('id', u.id, 'email', u.email, 'emailVerified', u.email_verified,
					'createdAt', to_char(u.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'updatedAt', to_char(u.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
					'profile', u.profile, 'metadata', coalesce(u.metadata, '{}'),
					'providers', ARRAY(SELECT p.provider FROM auth.user_providers p WHERE p.user_id = u.id ORDER BY p.created_at, p.id)
						|| CASE WHEN u.password IS NULL THEN '{}' ELSE ARRAY['email'] END)), 1
				FROM auth.users u WHERE u.id = $1
				AND EXISTS (SELECT FROM auth.sessions s WHERE s.id = $2 AND s.user_id = u.id AND s.expires_at > now())`,
			values: func(_ *http.Request, t *checkedToken) ([][]byte, error) {
				return [][]byte{[]byte(t.Subject), []byte(t.Session)}, nil
			},
		},
	}
}

// fromQuery takes what follows each of the names, in the order of the query.
func fromQuery(names ...string) func(*http.Request, *checkedToken) ([][]byte, error) {
	return func(r *http.Request, _ *checkedToken) ([][]byte, error) {
		values, query := make([][]byte, len(names)), r.URL.RawQuery
		for i, name := range names {
			_, rest, found := strings.Cut(query, name)
			if !found {
				return nil, errors.New("the query lacks " + name)
			}
			var value string
			value, query, _ = strings.Cut(rest, "&")
			values[i] = []byte(value)
		}
		return values, nil
	}
}

// checkedToken is a token that was verified. Like the product, the floor does
// not verify the same one again; it compares only when it expires.
type checkedToken struct {
	Subject string `json:"sub"`
	Session string `json:"session_id"`
	Role    string `json:"role"`
	Expires int64  `json:"exp"`
	claims  []byte
}

type floor struct {
	routes   []floorRoute
	pools    []*floorPool // of the routes
	verifier *tokens.Verifier
	checked  sync.Map // *checkedToken by the value of the Authorization header
}

// serveFloor is the process of the floor. It prints its address and ends with
// its standard input.
func serveFloor(ctx context.Context) error {
	app.Tune()
	var config floorConfig
	if err := json.NewDecoder(os.Stdin).Decode(&config); err != nil {
		return err
	}
	verifier, err := tokens.NewVerifier(config.JWKS, "", time.Now)
	if err != nil {
		return err
	}
	f := &floor{routes: floorRoutes(), verifier: verifier}
	for _, route := range f.routes {
		f.pools = append(f.pools, &floorPool{dsn: config.DSN, sql: route.sql, turns: make(chan struct{}, route.connections)})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	if err := http.Serve(l, f); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.serve(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f *floor) serve(w http.ResponseWriter, r *http.Request) error {
	token, err := f.check(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	for i := range f.routes {
		route := &f.routes[i]
		if route.method != r.Method || !strings.HasPrefix(r.RequestURI, route.prefix) {
			continue
		}
		values, err := route.values(r, token)
		if err != nil {
			return err
		}
		role := route.role
		if role == "" {
			role = token.Role
		}
		body, rows, err := f.pools[i].ask(r.Context(), [][]byte{[]byte(role), token.claims}, values)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
		default:
			h.Set("Content-Range", "0-"+strconv.Itoa(rows-1)+"/*")
		}
		_, err = w.Write(body)
		return err
	}
	return errors.New("no such request")
}

func (f *floor) check(header string) (*checkedToken, error) {
	known, ok := f.checked.Load(header)
	if !ok {
		token := new(checkedToken)
		var err error
		if token.claims, err = f.verifier.Verify(strings.TrimPrefix(header, "Bearer ")); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(token.claims, token); err != nil {
			return nil, err
		}
		known, _ = f.checked.LoadOrStore(header, token)
	}
	token := known.(*checkedToken)
	if time.Now().Unix() >= token.Expires {
		return nil, errors.New("the token has expired")
	}
	return token, nil
}

// floorPool are the connections of one route; the last one used goes first.
type floorPool struct {
	dsn, sql string
	turns    chan struct{}
	mu       sync.Mutex
	free     []*floorConn
}

// ask runs the statement of the pool in a transaction with a role and claims.
func (p *floorPool) ask(ctx context.Context, settings, values [][]byte) (body []byte, rows int, err error) {
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	c, err := p.take(ctx)
	if err != nil {
		return nil, 0, err
	}
	if body, rows, err = c.ask(settings, values); err != nil {
		c.Close()
		return nil, 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, c)
	return body, rows, nil
}

func (p *floorPool) take(ctx context.Context) (*floorConn, error) {
	p.mu.Lock()
	if last := len(p.free) - 1; last >= 0 {
		defer p.mu.Unlock()
		c := p.free[last]
		p.free = p.free[:last]
		return c, nil
	}
	p.mu.Unlock()
	return dialFloor(ctx, p.dsn, p.sql)
}

// floorConn speaks the protocol of Postgres with one session, which has two
// prepared statements.
type floorConn struct {
	net.Conn
	in  *bufio.Reader
	out []byte
}

const (
	settingsStatement = "settings"
	rowsStatement     = "rows"
)

func dialFloor(ctx context.Context, dsn, sql string) (*floorConn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	const settings = "SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"
	for name, sql := range map[string]string{settingsStatement: settings, rowsStatement: sql} {
		if _, err := conn.PgConn().Prepare(ctx, name, sql, nil); err != nil {
			return nil, err
		}
	}
	hijacked, err := conn.PgConn().Hijack()
	if err != nil {
		return nil, err
	}
	return &floorConn{Conn: hijacked.Conn, in: bufio.NewReaderSize(hijacked.Conn, 8<<10)}, nil
}

// ask sends both statements as one transaction and returns the row of the
// second.
func (c *floorConn) ask(settings, values [][]byte) (body []byte, rows int, err error) {
	c.out = c.out[:0]
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Bind{PreparedStatement: settingsStatement, Parameters: settings}, &pgproto3.Execute{},
		&pgproto3.Bind{PreparedStatement: rowsStatement, Parameters: values}, &pgproto3.Execute{},
		&pgproto3.Sync{},
	} {
		if c.out, err = m.Encode(c.out); err != nil {
			return nil, 0, err
		}
	}
	if _, err := c.Write(c.out); err != nil {
		return nil, 0, err
	}
	var row []byte
	for {
		head, err := c.in.Peek(5)
		if err != nil {
			return nil, 0, err
		}
		kind, size := head[0], int(binary.BigEndian.Uint32(head[1:]))-4
		_, _ = c.in.Discard(5)
		switch kind {
		case 'D': // the last one stays
			row = make([]byte, size)
			if _, err := io.ReadFull(c.in, row); err != nil {
				return nil, 0, err
			}
			continue
		case 'E':
			message, _ := c.in.Peek(size)
			return nil, 0, fmt.Errorf("postgres: %q", message)
		}
		if _, err := c.in.Discard(size); err != nil {
			return nil, 0, err
		}
		if kind == 'Z' {
			break
		}
	}
	return readFloorRow(row)
}

// readFloorRow takes apart a row of a text and a number.
func readFloorRow(row []byte) (body []byte, rows int, err error) {
	const count, length = 2, 4
	if len(row) < count+length {
		return nil, 0, errors.New("postgres returned no row")
	}
	row = row[count:]
	size := int(binary.BigEndian.Uint32(row))
	body, row = row[length:length+size], row[length+size:]
	rows, err = strconv.Atoi(string(row[length:]))
	return body, rows, err
}

// startFloor starts the floor beside a product, on its Postgres.
func startFloor(ctx context.Context, p *filled) (*product, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config := floorConfig{DSN: fmt.Sprintf("postgres://postgres:%s@/insforge?host=%s&port=%d", pgPassword, socketDir(p.dir), p.port)}
	if err := p.call(ctx, http.MethodGet, "/.well-known/jwks.json", nil, &config.JWKS); err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	f := &product{cmd: exec.CommandContext(ctx, self, floorCommand)}
	f.cmd.Stderr = os.Stderr
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as the product
	stdin, err := f.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err = stdin.Write(text); err == nil {
		f.url, err = bufio.NewReader(stdout).ReadString('\n')
		f.url = strings.TrimSpace(f.url)
	}
	if err != nil {
		f.stop()
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	return f, nil
}

// sameAnswer checks that the floor answers a kind of request as the product
// does. An insert, which changes the answer, is not compared.
func sameAnswer(ctx context.Context, p *filled, floor *product, k kind) error {
	request := k.requests(p.url, p.token)[0]
	if !bytes.HasPrefix(request, []byte(http.MethodGet)) {
		return nil
	}
	var bodies [2]any
	for i, url := range []string{p.url, floor.url} {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
		if err != nil {
			return err
		}
		target, err := r.URL.Parse(url + r.RequestURI)
		if err != nil {
			return err
		}
		r.URL, r.RequestURI = target, ""
		w, err := http.DefaultClient.Do(r.WithContext(ctx))
		if err != nil {
			return err
		}
		err = json.NewDecoder(w.Body).Decode(&bodies[i])
		w.Body.Close()
		if err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(bodies[0], bodies[1]) {
		return fmt.Errorf("the floor answers\n%v\nnot\n%v", bodies[1], bodies[0])
	}
	return nil
}
