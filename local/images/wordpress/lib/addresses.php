<?php
// Puts one address of a site in the place of others, in text, in every spelling that WordPress stores:
// http and https, without a scheme, with slashes escaped (JSON, at any depth), percent-encoded.
declare(strict_types=1);

final class Addresses
{
    /** @var string[] the hosts to look for, lower case */
    public readonly array $hosts;
    private readonly string $plain;
    private readonly string $encoded;
    private readonly string $scheme;
    private readonly string $rest;

    /** @param string[] $sources addresses whose place the site's own takes; its own may be among them */
    public function __construct(public readonly string $own, array $sources)
    {
        [$this->scheme, , $this->rest] = self::parts($own);
        $known = [];
        $hosts = [];
        foreach ($sources as $source) {
            [$scheme, $host, $rest] = self::parts($source);
            if ([$scheme, $rest] !== [$this->scheme, $this->rest]) {
                $known[] = $rest;
                $hosts[] = $host;
            }
        }
        // The own address is matched too, and given back: it may begin with a source's. The longest goes first.
        $known = array_unique([...$known, $this->rest]);
        usort($known, fn(string $a, string $b): int => strlen($b) <=> strlen($a));
        $this->hosts = array_values(array_unique($hosts));
        $end = '(?![a-z0-9_-]|\.[a-z0-9]|(?::|%3A)[0-9])'; // or http://site would be found in http://site.example
        $plain = array_map(fn(string $rest): string => str_replace('/', '\k<slash>', preg_quote($rest, '~')), $known);
        $encoded = array_map(fn(string $rest): string => preg_quote(rawurlencode($rest), '~'), $known);
        $this->plain = '~(?<scheme>https?:)?(?<slash>\\\\*/)\k<slash>(?:' . implode('|', $plain) . ")$end~i";
        $this->encoded = '~(?<scheme>https?%3A)?%2F%2F(?:' . implode('|', $encoded) . ")$end~i";
    }

    public function replace(string $text): string
    {
        if ($this->hosts === []) {
            return $text;
        }
        $text = preg_replace_callback($this->plain, function (array $found): string {
            $address = ($found['scheme'] === '' ? '' : "$this->scheme:") . "//$this->rest";
            return str_replace('/', $found['slash'], $address);
        }, $text) ?? throw new RuntimeException('a text could not be searched: ' . preg_last_error_msg());
        return preg_replace_callback($this->encoded, function (array $found): string {
            return rawurlencode((($found['scheme'] ?? '') === '' ? '' : "$this->scheme:") . "//$this->rest");
        }, $text) ?? throw new RuntimeException('a text could not be searched: ' . preg_last_error_msg());
    }

    /** @return array{string, string, string} scheme, host, and what follows the two slashes */
    private static function parts(string $address): array
    {
        $parsed = parse_url($address);
        if (!isset($parsed['host']) || !in_array($parsed['scheme'] ?? '', ['http', 'https'], true)) {
            throw new RuntimeException('an address of a site is http(s)://, a host, and perhaps a port and a path');
        }
        $rest = $parsed['host'] . (isset($parsed['port']) ? ":{$parsed['port']}" : '');
        return [$parsed['scheme'], strtolower($parsed['host']), $rest . rtrim($parsed['path'] ?? '', '/')];
    }
}
