package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/insforge/insforge-go/app/config"
)

// authState is what the running process says about how users sign in.
type authState struct {
	smtp struct {
		Enabled bool
		Host    string
	}
	mailbox struct{ Active bool }
	public  struct {
		OAuthProviders, CustomOAuthProviders   []string
		VerifyEmailMethod, ResetPasswordMethod string
	}
	settings struct{ AllowedRedirectURLs []string }
}

// checkAuth asks the running process how users sign in. It says nothing when
// the process does not answer, which is another finding, or without its key.
func checkAuth(ctx context.Context, cfg config.Config) []Finding {
	i, err := ReadInstance(cfg.DataDir)
	if err != nil {
		return nil
	}
	s, err := config.ReadSecrets(cfg)
	if err != nil || s.APIKey == "" {
		return nil
	}
	var state authState
	for path, into := range map[string]any{
		"/api/auth/smtp-config":   &state.smtp,
		"/api/email/mailbox":      &state.mailbox,
		"/api/auth/public-config": &state.public,
		"/api/auth/config":        &state.settings,
	} {
		if ask(ctx, i.URL+path, s.APIKey, into) != nil {
			return nil
		}
	}
	return append(state.redirects(), state.mail(i.URL))
}

func (a authState) mail(url string) Finding {
	const subject = "mail"
	switch {
	case a.smtp.Enabled:
		return Finding{Fine, subject, "sent by " + a.smtp.Host}
	case a.mailbox.Active:
		return Finding{Fine, subject, "kept in the mailbox for the administrator, GET " + url + mailboxPath}
	}
	return Finding{Warning, subject, noMail}
}

// redirects warns when browsers are sent to pages with something that opens a
// session or sets a password, and no list says which pages may get it. It is
// silent where none are sent.
func (a authState) redirects() []Finding {
	const subject = "redirects"
	var ways []string
	if providers := append(a.public.OAuthProviders, a.public.CustomOAuthProviders...); len(providers) > 0 {
		ways = append(ways, "sign-ins with "+strings.Join(providers, ", "))
	}
	if byLink := a.public.VerifyEmailMethod == "link" || a.public.ResetPasswordMethod == "link"; byLink && (a.smtp.Enabled || a.mailbox.Active) {
		ways = append(ways, "links in mails")
	}
	switch {
	case len(ways) == 0:
		return nil
	case len(a.settings.AllowedRedirectURLs) > 0:
		return []Finding{{Fine, subject, fmt.Sprintf("allowedRedirectUrls lists %d", len(a.settings.AllowedRedirectURLs))}}
	}
	return []Finding{{Warning, subject, "allowedRedirectUrls is empty, so " + strings.Join(ways, " and ") + " may lead to any page; " +
		`list those of your applications, such as "https://app.example.com/**", with PUT /api/auth/config`}}
}

// ask decodes the answer to a GET request of the administrator.
func ask(ctx context.Context, url, key string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Api-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(into)
}
