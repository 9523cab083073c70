package apptest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/seal"
	"github.com/jackc/pgx/v5"
)

// leastNode is the oldest major version of Node that the client is tested on.
const leastNode = 20

const clientTimeout = 5 * time.Minute

// TestPublishedClient drives the product with the SDK from npm, in
// client/todos.test.mjs. What an application's owner does is done here: the
// table through the API, its policies through SQL.
func TestPublishedClient(t *testing.T) {
	t.Parallel()
	scripts := clientProject(t)
	p := apptest.Start(t, t.TempDir())
	makeTodos(t, p)
	runScript(t, p, filepath.Join(scripts, "todos.test.mjs"),
		"INSFORGE_URL="+p.URL, "INSFORGE_ANON_KEY="+p.AnonKey, "EXPIRED_TOKENS="+expiredTokens(t, p))
	p.Stop(t)
}

// runScript runs a client script, which must succeed.
func runScript(t *testing.T, p *apptest.Product, script string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test-reporter=spec", script)
	cmd.Env = append(append(os.Environ(), "NO_COLOR=1"), env...)
	drive(t, p, cmd)
}

// drive runs a program that uses the product and must succeed.
func drive(t *testing.T, p *apptest.Product, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	exited, err := apptest.Launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	<-exited
	if !cmd.ProcessState.Success() {
		t.Fatalf("%v: %v\n%s\nproduct:\n%s", cmd.Args, cmd.ProcessState, out.Bytes(), p.Log())
	}
	t.Logf("%s", out.Bytes())
}

// clientProject returns a folder with the client scripts beside their
// installed dependencies, which are installed once for each content of the
// lock file.
func clientProject(t *testing.T) string {
	t.Helper()
	needNode(t)
	lock := read(t, "client/package-lock.json")
	sum := sha256.Sum256(lock)
	cache, err := bundle.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := bundle.Install(cache, "apptest-client-"+hex.EncodeToString(sum[:8]), func(dir string) error {
		for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
			if err := os.WriteFile(filepath.Join(dir, name), read(t, "client/"+name), 0o644); err != nil {
				return err
			}
		}
		cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("install the client's packages: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"todos.test.mjs", "browser.mjs", "postgrest.test.mjs"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, "client/"+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatalf("the end-to-end test needs Node.js %d or newer with npm on the PATH: %v", leastNode, err)
	}
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		t.Fatalf("the end-to-end test needs Node.js %d or newer on the PATH: %v", leastNode, err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < leastNode {
		t.Fatalf("the end-to-end test needs Node.js %d or newer; node --version says %s", leastNode, version)
	}
}

// makeTodos makes the table that the script uses.
func makeTodos(t *testing.T, p *apptest.Product) {
	t.Helper()
	column := func(name, kind string, nullable, unique bool) map[string]any {
		return map[string]any{"columnName": name, "type": kind, "isNullable": nullable, "isUnique": unique}
	}
	if _, err := p.Call(t.Context(), http.MethodPost, "/api/database/tables", p.APIKey, map[string]any{
		"tableName": "todos",
		"columns": []any{
			column("title", "string", false, false), column("done", "boolean", false, false),
			column("rank", "integer", true, false), column("slug", "string", true, true), column("user_id", "uuid", true, false),
		},
		"foreignKeys": []any{map[string]any{
			"referenceTable":   "auth.users",
			"referenceColumns": []any{map[string]any{"sourceColumn": "user_id", "referenceColumn": "id"}},
			"onDelete":         "CASCADE", "onUpdate": "CASCADE",
		}},
	}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, p)
	for _, sql := range []string{
		`SET ROLE project_admin`, // what the project's administrator may do suffices
		`CREATE POLICY own_rows ON public.todos FOR ALL TO authenticated
		 USING (user_id = auth.uid()) WITH CHECK (user_id = auth.uid())`,
		`CREATE POLICY nothing_for_guests ON public.todos FOR SELECT TO anon USING (false)`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// connect connects to Postgres the way a tool does.
func connect(t *testing.T, p *apptest.Product) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// expiredTokens serves access tokens that the product issued an hour ago, as
// far as anyone can tell: signed with its own key, for the user in the query.
func expiredTokens(t *testing.T, p *apptest.Product) (url string) {
	t.Helper()
	box, err := seal.New(p.Secret(t, "encryptionKey"))
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, p)
	secret := func(key string) string {
		var sealed string
		err := conn.QueryRow(t.Context(), `SELECT value_ciphertext FROM system.secrets WHERE key = $1`, key).Scan(&sealed)
		if err != nil {
			t.Fatalf("secret %s: %v", key, err)
		}
		plain, err := box.Open(sealed)
		if err != nil {
			t.Fatalf("secret %s: %v", key, err)
		}
		return plain
	}
	authority, err := tokens.New(tokens.Config{
		Secret: p.Secret(t, "jwtSecret"),
		Signing: tokens.KeyPair{
			PublicKey:  tokens.PublicKey{ID: secret("JWT_KEY_ID"), PEM: secret("JWT_PUBLIC_KEY")},
			PrivatePEM: secret("JWT_PRIVATE_KEY"),
		},
		Now: func() time.Time { return time.Now().Add(-time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		token, err := authority.Access(q.Get("sub"), q.Get("email"), "authenticated", "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, token)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
