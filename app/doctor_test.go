package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
)

func TestDoctorWarnsOfRedirectsToAnywhere(t *testing.T) {
	t.Parallel()
	p := serving(t, t.TempDir()).start(t).ready(t)
	type object = map[string]any
	for _, step := range []struct {
		name         string
		method, path string
		body         object
		want         string // empty for no finding
	}{
		{"nothing leads anywhere", "GET", "/api/auth/config", nil, ""},
		{"links that nobody can mail", "PUT", "/api/auth/config", object{"resetPasswordMethod": "link"}, ""},
		{"links in mails", "PUT", "/api/email/mailbox", object{"enabled": true},
			"warn  redirects  allowedRedirectUrls is empty, so links in mails may lead to any page; list those of your applications, " +
				`such as "https://app.example.com/**", with PUT /api/auth/config`},
		{"a provider too", "POST", "/api/auth/oauth/configs", object{"provider": "github", "clientId": "id", "clientSecret": "of-the-test", "useSharedKey": false},
			"warn  redirects  allowedRedirectUrls is empty, so sign-ins with github and links in mails may lead to any page; "},
		{"a provider alone", "PUT", "/api/auth/config", object{"resetPasswordMethod": "code"},
			"warn  redirects  allowedRedirectUrls is empty, so sign-ins with github may lead to any page; "},
		{"a list", "PUT", "/api/auth/config", object{"allowedRedirectUrls": []string{"https://app.example.com/**"}},
			"ok    redirects  allowedRedirectUrls lists 1\n"},
	} {
		if a := p.call(t, step.method, step.path, step.body); a.Status/100 != http.StatusOK/100 {
			t.Fatalf("%s: got %+v", step.name, a)
		}
		out, err := apptest.Command(t, "doctor", "--data-dir", p.dir).Output()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := ""
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, " redirects ") {
				got += line
			}
		}
		if !strings.HasPrefix(got, step.want) || step.want == "" && got != "" || strings.Count(got, "\n") > 1 {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
}
