package mailed

import (
	"context"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
)

// flow is what a mail is requested for, and its two forms: with a code or with
// a link, as the settings say.
type flow struct {
	purpose                    purpose
	method                     func(accounts.Settings) accounts.Method
	codeTemplate, linkTemplate string
	// linkPath is below the address of the product.
	linkPath string
}

func verification() flow {
	return flow{
		purpose:      toVerify,
		method:       func(s accounts.Settings) accounts.Method { return s.VerifyEmailMethod },
		codeTemplate: templateVerifyCode,
		linkTemplate: templateVerifyLink,
		linkPath:     "/api/auth/email/verify-link",
	}
}

func passwordReset() flow {
	return flow{
		purpose:      toReset,
		method:       func(s accounts.Settings) accounts.Method { return s.ResetPasswordMethod },
		codeTemplate: templateResetCode,
		linkTemplate: templateResetLink,
		linkPath:     "/api/auth/email/reset-password-link",
	}
}

// request mails a code or a link to an address and returns which of the two it
// is. An address without an account is answered the same way; see post.
//
// It returns 400 INVALID_INPUT for a redirect that is not allowed, and 503 when
// no e-mail service is set up or too many mails are waiting.
func (s *Service) request(ctx context.Context, f flow, email, redirectTo string) (accounts.Method, error) {
	settings, err := s.accounts.Settings(ctx)
	if err != nil {
		return "", err
	}
	m := f.method(settings)
	if m == accounts.ByLink {
		if err := settings.CheckRedirect(redirectTo); err != nil {
			return "", err
		}
	}
	if err := s.available(ctx); err != nil {
		return "", err
	}
	fresh, err := s.issue(ctx, email, f.purpose, m, redirectTo)
	if err != nil {
		return "", err
	}
	return m, s.post(s.letter(f, fresh))
}

// letter returns the mail with a secret. A link begins with the configured
// address of the product, never with the host of a request, which its sender
// chooses.
func (s *Service) letter(f flow, i issued) letter {
	if i.kind == hashToken {
		link := s.baseURL + f.linkPath + "?token=" + i.text
		return letter{f.linkTemplate, i.to.Email, salutation(i.to), map[string]string{"link": link}, i}
	}
	return letter{f.codeTemplate, i.to.Email, salutation(i.to), map[string]string{"token": i.text}, i}
}
