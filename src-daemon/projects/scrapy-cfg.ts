/** Reading `scrapy.cfg` is needed to check the configuration too, so it lives there; this is its door for projects. */
export { findScrapyCfg, listSettings, readSettingsModule } from '../config/scrapy-cfg.ts'
