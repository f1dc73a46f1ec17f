/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates: what is read from one that openssl has made, and that nonsense is none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/checks/certificate.h"

/* openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650, with
 * subjectAltName DNS:kubernetes, IP:127.0.0.1, IP:::1, IP:2001:db8::100 */
static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
			  "MIIBvTCCAWKgAwIBAgIUW/ZrOORKKA7+XoBOY0n+M0V9eyMwCgYIKoZIzj0EAwIw\n"
			  "EjEQMA4GA1UEAwwHazhzLWFwaTAeFw0yNjExMjIxOTA3MDJaFw0zNjExMTkxOTA3\n"
			  "MDJaMBIxEDAOBgNVBAMMB2s4cy1hcGkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
			  "AASaUEmNkoa9CQW6+pUjFs+4ELCFAcKmZcEh4ic+rb3+foXxAxotaJcTga1XJd/r\n"
			  "/Lc9xOIR6SBXXXhv8VUpp90Go4GVMIGSMB0GA1UdDgQWBBTD3Rmc0cF7oGGUloS1\n"
			  "Z3IUX9pdvzAfBgNVHSMEGDAWgBTD3Rmc0cF7oGGUloS1Z3IUX9pdvzAPBgNVHRMB\n"
			  "Af8EBTADAQH/MD8GA1UdEQQ4MDaCCmt1YmVybmV0ZXOHBH8AAAGHEAAAAAAAAAAA\n"
			  "AAAAAAAAAAGHECABDbgAAAAAAAAAAAAAAQAwCgYIKoZIzj0EAwIDSQAwRgIhANL6\n"
			  "089Vvx9am+jiBd2fnjkvEaDN/iikAP9gW/zRq/CgAiEA4BciJCMaOxTd/yuteoXD\n"
			  "KcswER7L6PgH89eDyc1aFNc=\n"
			  "-----END CERTIFICATE-----\n";

static bool covers(const struct certificate *certificate, const char *text)
{
	struct address address;
	assert_int_equal(inet_pton(AF_INET6, text, &address.in6), 1);
	return certificate_covers(certificate, &address);
}

static void test_read(void **state)
{
	(void)state;
	struct certificate certificate = {0};
	assert_false(certificate_seen(&certificate));
	assert_int_equal(certificate_read(pem, strlen(pem), &certificate), 0);
	assert_true(certificate_seen(&certificate));
	assert_int_equal(certificate.expires_us, INT64_C(2110734422) * 1000000);
	struct address localhost = address_of_bytes((const uint8_t[]){127, 0, 0, 1}, 4);
	assert_int_equal(certificate.address_count, 3);
	assert_true(certificate_covers(&certificate, &localhost));
	assert_true(covers(&certificate, "::1"));
	assert_true(covers(&certificate, "2001:db8::100"));
	assert_false(covers(&certificate, "2001:db8::101"));
	assert_true(certificate_equal(&certificate, &certificate));
}

static void test_nonsense(void **state)
{
	(void)state;
	static const char broken[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
	struct certificate certificate, before;
	memset(&certificate, 0x5a, sizeof certificate);
	before = certificate;
	assert_int_equal(certificate_read("", 0, &certificate), -EINVAL);
	assert_int_equal(certificate_read(broken, strlen(broken), &certificate), -EINVAL);
	assert_memory_equal(&certificate, &before, sizeof before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
