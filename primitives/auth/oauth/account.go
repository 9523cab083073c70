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

// Account is who signed in, according to the provider.
type Account struct {
	// ID is the provider's id of the account, which never passes to someone
	// else.
	ID string
	// Email is in lower case; empty when the provider returns none.
	Email string
	// EmailVerified means that the provider vouches for the address belonging to
	// this user.
	EmailVerified bool
	// Placeholders are made-up addresses to use when there is none, the preferred
	// one first. They receive no mail. Empty for a provider whose accounts
	// without an address are refused.
	Placeholders []string
	// Name and AvatarURL are empty when unknown.
	Name, AvatarURL string
	// Username is the user's name at the provider; empty when unknown.
	Username string
}

// tidy returns the account without unusable values: a provider's texts end up in
// the database and in pages.
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
// some letters outside it have an ASCII letter as their lower case, which would
// turn the address into someone else's.
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

// IsPlaceholder reports whether an address in lower case is in a domain of
// made-up addresses. Such an address proves nothing: no account may be found by
// it.
func IsPlaceholder(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	for _, made := range placeholderDomains() {
		if domain == made {
			return true
		}
	}
	return false
}

// placeholders returns made-up addresses: one with the name, which reads well but
// may pass to someone else, and one with the id, which never does.
func placeholders(p Name, id, username string) []string {
	var all []string
	domain := placeholderDomains()[p]
	if username != "" {
		all = append(all, localPart(username)+"@"+domain)
	}
	return append(all, localPart(id)+"@"+domain)
}

// localPart returns text in a form allowed before the @ of an address.
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
