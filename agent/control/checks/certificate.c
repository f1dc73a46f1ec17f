/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server must name the virtual address in its certificate (k3s: tls-san), or clients that come by it refuse
 * to talk. Nobody notices before the first failover, so the checks look.
 */
#include "control/checks/certificate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "vipd/address.h"
#include "vipd/mono.h"

static int read_expiry(const X509 *x509, int64_t *us)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) != 1)
		return -EINVAL;
	*us = timegm(&tm) * USEC_PER_SEC;
	return 0;
}

static void read_addresses(const X509 *x509, struct certificate *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_IPADD || certificate->address_count == CERTIFICATE_ADDRESSES_MAX)
			continue;
		int size = ASN1_STRING_length(name->d.iPAddress);
		if (size != 4 && size != 16)
			continue;
		certificate->addresses[certificate->address_count++] =
		    address_of_bytes(ASN1_STRING_get0_data(name->d.iPAddress), (unsigned)size);
	}
	GENERAL_NAMES_free(names);
}

int certificate_read(const char *pem, size_t size, struct certificate *certificate)
{
	struct certificate found = {0};
	unsigned digest_size = 0;
	BIO *bio = BIO_new_mem_buf(pem, (int)size);
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (!x509)
		return -EINVAL;
	int r = read_expiry(x509, &found.expires_us);
	if (!r && X509_digest(x509, EVP_sha256(), found.digest, &digest_size) != 1)
		r = -EINVAL;
	if (!r)
		read_addresses(x509, &found);
	X509_free(x509);
	if (!r)
		*certificate = found;
	return r;
}

bool certificate_seen(const struct certificate *certificate)
{
	return certificate->expires_us != 0;
}

bool certificate_equal(const struct certificate *a, const struct certificate *b)
{
	return a->expires_us == b->expires_us && !memcmp(a->digest, b->digest, sizeof a->digest);
}

bool certificate_covers(const struct certificate *certificate, const struct address *address)
{
	for (unsigned i = 0; i < certificate->address_count; i++) {
		if (!memcmp(&certificate->addresses[i], address, sizeof *address))
			return true;
	}
	return false;
}
