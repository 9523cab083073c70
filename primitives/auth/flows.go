package auth

import "context"

// flow is what a mail is requested for, and how it reads: one with a code or
// one with a link, as the settings say.
type flow struct {
	purpose                    purpose
	method                     func(Settings) Method
	codeTemplate, linkTemplate string
	// linkPath is below the address of the product.
	linkPath string
}

func verification() flow {
	return flow{
		purpose:      toVerify,
		method:       func(s Settings) Method { return s.VerifyEmailMethod },
		codeTemplate: templateVerifyCode,
		linkTemplate: templateVerifyLink,
		linkPath:     "/api/auth/email/verify-link",
	}
}

func passwordReset() flow {
	return flow{
		purpose:      toReset,
		method:       func(s Settings) Method { return s.ResetPasswordMethod },
		codeTemplate: templateResetCode,
		linkTemplate: templateResetLink,
		linkPath:     "/api/auth/email/reset-password-link",
	}
}

// request mails a code or a link to an address. The answer is the same when it
// is nobody's; see post. It returns which of the two it is.
//
// It returns 400 INVALID_INPUT for a redirect that a link must not lead to,
// and 503 when no e-mail service is set up or too many mails are waiting.
func (s *Service) request(ctx context.Context, f flow, email, redirectTo string) (Method, error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	m := f.method(settings)
	if m == ByLink {
		if err := settings.checkRedirect(redirectTo); err != nil {
			return "", err
		}
	}
	if err := s.mailable(ctx); err != nil {
		return "", err
	}
	fresh, err := s.issue(ctx, email, f.purpose, m, redirectTo)
	if err != nil {
		return "", err
	}
	return m, s.post(s.letter(f, fresh))
}

// letter returns the mail with a secret. A link begins with the address that
// the product was given, never with the one that a request names: that is for
// the caller to choose.
func (s *Service) letter(f flow, i issued) letter {
	if i.kind == hashToken {
		link := s.baseURL + f.linkPath + "?token=" + i.text
		return letter{f.linkTemplate, i.to.Email, salutation(i.to), map[string]string{"link": link}, i}
	}
	return letter{f.codeTemplate, i.to.Email, salutation(i.to), map[string]string{"token": i.text}, i}
}
