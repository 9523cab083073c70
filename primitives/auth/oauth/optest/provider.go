package optest

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
)

//go:embed provider/package.json provider/package-lock.json provider/.npmrc provider/provider.mjs
var source embed.FS

const (
	startPatience = 2 * time.Minute
	maxPage       = 1 << 20
)

// Client is an application that may send users to the provider.
type Client struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris"`
}

// Provider is a running OpenID provider.
type Provider struct {
	// Issuer is its address.
	Issuer string
	t      testing.TB
}

// Start runs a provider until the test ends.
func Start(t testing.TB, clients ...Client) *Provider {
	t.Helper()
	arg, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	dir := install(t)
	stderr := filepath.Join(t.TempDir(), "provider.log")
	log, err := os.Create(stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("node", filepath.Join(dir, "provider.mjs"), string(arg))
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("optest: start the provider: %v; the test needs Node.js 20 or newer on the PATH", err)
	}
	// It is always waited for; one that hangs is killed.
	watch := time.AfterFunc(startPatience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		watch.Stop()
		stdin.Close()
		grace := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer grace.Stop()
		_ = cmd.Wait() // it was told to end
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	watch.Stop()
	if err != nil {
		text, _ := os.ReadFile(stderr)
		t.Fatalf("optest: the provider did not start: %v\n%s", err, text)
	}
	return &Provider{Issuer: strings.TrimSpace(line), t: t}
}

// DiscoveryURL is the address of its discovery document.
func (p *Provider) DiscoveryURL() string { return p.Issuer + "/.well-known/openid-configuration" }

// install returns a folder with the provider and what it needs, which is
// installed once for each content of the lock file.
func install(t testing.TB) string {
	t.Helper()
	hash := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "provider.mjs"} {
		text, err := source.ReadFile("provider/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
		hash.Write(text)
	}
	cache, err := bundle.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := bundle.Install(cache, "optest-provider-"+hex.EncodeToString(hash.Sum(nil)[:8]), func(dir string) error {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				return err
			}
		}
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("optest: install the provider: %v", err)
	}
	return dir
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// SignIn goes through the provider's pages as a person with a browser would,
// from the address that the application sent it to, and returns the address
// that the provider sends the browser back to.
func (p *Provider) SignIn(authURL, login string) *url.URL {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	at, form := authURL, url.Values(nil)
	for range 20 {
		next, page := p.visit(browser, at, form)
		form = nil
		if next != nil {
			if !strings.HasPrefix(next.String(), p.Issuer) {
				return next
			}
			at = next.String()
			continue
		}
		action := formAction.FindStringSubmatch(page)
		if action == nil {
			p.t.Fatalf("optest: no form and no redirect at %s:\n%s", at, page)
		}
		at = action[1]
		form = url.Values{"prompt": {"consent"}}
		if strings.Contains(page, `value="login"`) {
			form = url.Values{"prompt": {"login"}, "login": {login}, "password": {"any"}}
		}
	}
	p.t.Fatalf("optest: the provider goes in circles")
	return nil
}

// visit gets a page, or posts a form, and returns where it leads or what it
// shows.
func (p *Provider) visit(browser *http.Client, at string, form url.Values) (*url.URL, string) {
	p.t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = browser.Get(at)
	} else {
		resp, err = browser.PostForm(at, form)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		p.t.Fatal(err)
	}
	if next, err := resp.Location(); err == nil {
		return next, ""
	}
	return nil, string(page)
}
