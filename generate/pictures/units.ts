/** A number as Grafana writes it in one of its units. */
export function formatValue(value: number, unit: string, decimals?: number): string {
  const format = formats[unit];
  if (format === undefined) throw new Error(`the unit ${unit} is not known here: add it to formats in generate/pictures/units.ts`);
  return format(value, decimals);
}

type Format = (value: number, decimals?: number) => string;

const seconds: readonly [from: number, per: number, name: string][] = [
  [604_800, 604_800, 'weeks'],
  [86_400, 86_400, 'days'],
  [3600, 3600, 'hours'],
  [60, 60, 'mins'],
  [1, 1, 's'],
  [0.001, 0.001, 'ms'],
  [0, 0.000_001, 'µs'],
];

const formats: Readonly<Record<string, Format>> = {
  none: rounded,
  short: scaled(1000, ['', ' K', ' Mil', ' Bil']),
  bytes: scaled(1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']),
  ops: scaled(1000, [' ops/s', 'K ops/s', 'M ops/s']),
  reqps: scaled(1000, [' req/s', 'K req/s', 'M req/s']),
  hertz: scaled(1000, [' Hz', ' kHz', ' MHz']),
  eps: scaled(1000, [' evt/s', 'K evt/s', 'M evt/s']),
  wps: scaled(1000, [' wr/s', 'K wr/s', 'M wr/s']),
  percentunit: (value, decimals) => `${rounded(value * 100, decimals)}%`,
  s: (value, decimals) => {
    const magnitude = Math.abs(value);
    if (magnitude === 0) return '0 s';
    const [, per, name] = seconds.find(([from]) => magnitude >= from) ?? [0, 1, 's'];
    return `${rounded(value / per, decimals)} ${value === per ? name.replace(/^(\w{3,})s$/, '$1') : name}`;
  },
};

function scaled(factor: number, names: readonly string[]): Format {
  return (value, decimals) => {
    let step = 0;
    let rest = value;
    while (Math.abs(rest) >= factor && step < names.length - 1) {
      rest /= factor;
      step += 1;
    }
    return `${rounded(rest, decimals)}${names[step] ?? ''}`;
  };
}

/** Without a number of decimals: about three digits that say something, and none for whole numbers. */
function rounded(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(decimals);
  if (Number.isInteger(value)) return String(value);
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return String(Number(value.toFixed(digits)));
}
