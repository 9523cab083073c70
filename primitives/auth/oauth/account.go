package oauth

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxEmailBytes = 320
	maxNameRunes  = 200
	maxURLBytes   = 2048
)

// Account is who signed in, as the provider tells.
type Account struct {
	// ID is the person's at the provider; it never changes hands.
	ID string
	// Email is in lower case; empty when the provider tells none.
	Email string
	// EmailVerified says that the provider vouches for the address: that it
	// belongs to this person.
	EmailVerified bool
	// Placeholders are addresses to use where there is none, the preferred one
	// first. Nobody receives mail at them. Empty for a provider whose accounts
	// have an address or are refused.
	Placeholders []string
	// Name and AvatarURL are empty when unknown.
	Name, AvatarURL string
	// Username is what the provider calls the person; empty when unknown.
	Username string
}

// tidy returns the account without what cannot be used: provider's texts end
// up in the database and in pages.
func (a Account) tidy() Account {
	a.Email = tidyEmail(a.Email)
	a.EmailVerified = a.EmailVerified && a.Email != ""
	a.Name, a.Username = tidyText(a.Name), tidyText(a.Username)
	if u, err := url.Parse(a.AvatarURL); err != nil || len(a.AvatarURL) > maxURLBytes ||
		u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		a.AvatarURL = ""
	}
	return a
}

// tidyEmail returns an address in lower case, or "" for one that is not ASCII:
// some letters outside it have an ASCII letter as their lower case, which
// would make somebody else's address of it.
func tidyEmail(email string) string {
	if len(email) > maxEmailBytes || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf }) {
		return ""
	}
	return strings.ToLower(email)
}

func tidyText(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > maxNameRunes {
		text = strings.TrimSpace(string(runes[:maxNameRunes]))
	}
	return text
}

// placeholderDomains are the domains of made-up addresses.
func placeholderDomains() map[Name]string {
	return map[Name]string{
		GitHub:    "users.noreply.github.com",
		Discord:   "users.noreply.discord.local",
		Facebook:  "users.noreply.facebook.local",
		Microsoft: "users.noreply.microsoft.com",
		X:         "users.noreply.x.local",
	}
}

// IsPlaceholder reports whether an address in lower case is of a domain that
// is for made-up addresses. Such an address tells nothing about whose it is:
// no account may be found by it.
func IsPlaceholder(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	for _, made := range placeholderDomains() {
		if domain == made {
			return true
		}
	}
	return false
}

// placeholders returns made-up addresses: by a name, which reads well but may
// pass to somebody else, and by the id, which never does.
func placeholders(p Name, id, username string) []string {
	var all []string
	domain := placeholderDomains()[p]
	if username != "" {
		all = append(all, localPart(username)+"@"+domain)
	}
	return append(all, localPart(id)+"@"+domain)
}

// localPart returns text as it may stand in front of an @.
func localPart(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, text), "-")
}
